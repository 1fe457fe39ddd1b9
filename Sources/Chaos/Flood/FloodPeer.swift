/// One client of a flood: it sends its request but for the last byte, and takes the answer when it
/// is told to.
struct FloodPeer {
  /// Silences of a few seconds each after which nobody answers any more: two minutes, of which a
  /// request may take one.
  private static let silences = 24
  private static let headBytes = 8_192
  /// A fifth of a second each.
  private static let attempts = 50

  private let connection: RawConnection
  private let last: [UInt8]

  /// Nil where the router takes no connection.
  ///
  /// - Parameter head: The request's line and headers, without its length.
  init?(port: UInt16, source: UInt8, head: [String], body: [UInt8]) {
    guard let connection = Self.connect(port, source) else { return nil }
    self.connection = connection
    last = Array(body.suffix(1))
    let lines = head + ["content-length: \(body.count)", "", ""]
    connection.send(lines.joined(separator: "\r\n"))
    _ = connection.sendAll(Array(body.dropLast()))
  }

  /// Asks so often, and takes none of the answers.
  init?(port: UInt16, source: UInt8, head: [String], times: Int) {
    guard let connection = Self.connect(port, source) else { return nil }
    self.connection = connection
    last = []
    let request = (head + ["", ""]).joined(separator: "\r\n")
    connection.send(String(repeating: request, count: times))
  }

  /// A busy router's queue of connections may be full for a moment.
  private static func connect(_ port: UInt16, _ source: UInt8) -> RawConnection? {
    (0..<attempts).lazy.compactMap { _ in RawConnection(port: port, source: source) }.first
  }

  /// Sends the last byte; who was refused has been answered already.
  func release() { _ = connection.sendAll(last) }

  /// The answer, or in words why there is none.
  func hear() -> (answer: FloodAnswer?, instead: String) {
    var head: [UInt8] = []
    var silences = 0
    while !head.reversed().starts(with: "\n\r\n\r".utf8) {
      switch connection.next(1) {
      case .bytes(let next): head += next
      case .end: return (nil, "hung up on, after \(head.count) bytes")
      case .silence: silences += 1
      }
      guard silences < Self.silences else { return (nil, "silence") }
      guard head.count < Self.headBytes else { return (nil, "an endless head") }
    }
    guard let answer = FloodAnswer(head: head) else { return (nil, "no head of an answer") }
    return (answer.with(body: connection.hear(answer.bodyBytes)), "")
  }

  func end() { connection.close() }
}

/// What a client of a flood was answered.
struct FloodAnswer: Sendable {
  let status: Int
  let saysWhen: Bool
  let bodyBytes: Int
  private(set) var code = ""

  init?(head: [UInt8]) {
    let lines = String(decoding: head, as: UTF8.self).lowercased().split(separator: "\r\n")
    guard let first = lines.first?.split(separator: " "), first.count > 1,
      let status = Int(first[1])
    else { return nil }
    self.status = status
    saysWhen = lines.contains { $0.hasPrefix("retry-after: ") }
    let length = lines.first { $0.hasPrefix("content-length: ") }
    bodyBytes = length.flatMap { Int($0.dropFirst("content-length: ".count)) } ?? 0
  }

  func with(body: [UInt8]) -> FloodAnswer {
    var answer = self
    let parts = String(decoding: body, as: UTF8.self).split(separator: "\"")
    if let name = parts.firstIndex(of: "code"), name + 2 < parts.count {
      answer.code = String(parts[name + 2])
    }
    return answer
  }

  /// Success, or a refusal that a client can act on: by its code, and where it is to be repeated,
  /// by its time.
  var isNamed: Bool {
    switch status {
    case 200..<300: true
    case 408, 413: !code.isEmpty
    case 429, 503: !code.isEmpty && saysWhen
    default: false
    }
  }
}
