/// A port, and what is spoken there: who wants to reach a parser has to know.
struct HostilePort: Hashable, Sendable {
  enum Speech: Hashable, Sendable {
    case http
    /// NNG's REP: takes requests.
    case requests
    /// NNG's PUB: takes nothing.
    case publications
  }

  let number: UInt16
  let speech: Speech

  /// Asks the port itself: NNG greets whoever comes, HTTP answers what it is asked.
  ///
  /// Nil where nobody speaks. Blocks its thread.
  init?(_ number: UInt16) {
    guard let connection = RawConnection(port: number) else { return nil }
    defer { connection.close() }
    connection.send("GET /healthz HTTP/1.1\r\nhost: api.localhost\r\n\r\n")
    self.init(number, greeting: connection.hear(8))
  }

  init?(_ number: UInt16, greeting: [UInt8]) {
    self.number = number
    switch greeting {
    case Array("HTTP/1.1".utf8): speech = .http
    case SPText.greeting(SPText.reply): speech = .requests
    case SPText.greeting(SPText.publish): speech = .publications
    default: return nil
    }
  }

  /// What can be done to it.
  var manners: [HostilePeer.Manner] {
    switch speech {
    case .http: [.garbage, .oversize, .reset]
    case .requests: [.garbage, .oversize, .frames, .hello, .reset]
    case .publications: [.garbage, .reset]
    }
  }
}

/// NNG's way of speaking over TCP, as bytes.
enum SPText {
  static let request: UInt8 = 0x30
  static let reply: UInt8 = 0x31
  static let publish: UInt8 = 0x20

  /// Kinds of our frames.
  static let hello: UInt8 = 4
  static let proof: UInt8 = 6
  static let ping: UInt8 = 10
  static let pong: UInt8 = 11
  /// Where a message has the kind of its frame: behind length, request's number, and magic and
  /// version.
  static let kindOffset = 8 + 4 + 3
  private static let headerBytes = 44

  /// What either side says first.
  static func greeting(_ protocolNumber: UInt8) -> [UInt8] {
    [0x00, 0x53, 0x50, 0x00, 0x00, protocolNumber, 0x00, 0x00]
  }

  static func length(_ bytes: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: bytes >> (56 - 8 * UInt64($0))) }
  }

  /// A request that bears `body`.
  static func message(_ body: [UInt8]) -> [UInt8] {
    length(UInt64(4 + body.count)) + [0x80, 0x00, 0x00, 0x01] + body
  }

  /// One that bears a frame with a right header.
  static func frame(_ kind: UInt8, _ payload: [UInt8] = []) -> [UInt8] {
    let beginning: [UInt8] = [0x41, 0x4D, 0x02, kind]
    let rest = [UInt8](repeating: 0, count: headerBytes - beginning.count)
    return message(beginning + rest + payload)
  }
}
