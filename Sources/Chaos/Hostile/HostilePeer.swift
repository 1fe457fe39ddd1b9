import Platform
import Simulation

/// One connection of a peer that means harm.
struct HostilePeer {
  /// What it does.
  enum Manner: String, CaseIterable, Sendable {
    /// Connects, says nothing and stays.
    case halfOpen = "half-open"
    /// A byte now and then.
    case slowLoris = "slow-loris"
    case garbage
    /// Announces, and begins, more than any limit allows.
    case oversize
    /// Is let in by NNG, and sends messages that are no frames.
    case frames = "garbage frames"
    /// Is let in by NNG, and says hello with nothing that could be read.
    case hello = "a bad hello"
    /// Half a request, then RST.
    case reset
  }

  /// Those who stay for a whole cycle.
  static let staying: [Manner] = [.halfOpen, .slowLoris]

  static let garbageBytes = 600
  static let oversizeBytes = 100_000
  private static let frames = 16
  private static let frameBytes = 256

  private let port: HostilePort
  private let connection: RawConnection

  /// Nil where the port takes no connection.
  init?(_ port: HostilePort) {
    guard let connection = RawConnection(port: port.number) else { return nil }
    self.port = port
    self.connection = connection
  }

  /// Does its harm and goes; answers whether the other side met it: it hung up, or answered.
  func strike(_ manner: Manner, _ dice: SeededRandomSource) -> Bool {
    if manner == .reset {
      defer { connection.reset() }
      return isTaken() && beginsRequest()
    }
    defer { connection.close() }
    switch (manner, port.speech) {
    case (.garbage, _):
      connection.send(dice.bytes(Self.garbageBytes))
      return connection.isHungUpOn()
    case (.oversize, .http):
      connection.send("POST /v1/messages HTTP/1.1\r\nhost: api.localhost\r\nx: ")
      connection.send([UInt8](repeating: 0x61, count: Self.oversizeBytes))
      return connection.isHungUpOn()
    case (.oversize, _):
      guard isLetIn() else { return false }
      connection.send(SPText.length(1 << 62))
      connection.send([UInt8](repeating: 0x61, count: Self.oversizeBytes))
      return connection.isHungUpOn()
    case (.frames, _):
      guard isLetIn() else { return false }
      for _ in 0..<Self.frames {
        connection.send(SPText.message(dice.bytes(dice.below(Self.frameBytes))))
      }
      return isAnswered()
    case (.hello, _):
      guard isLetIn() else { return false }
      connection.send(SPText.frame(SPText.hello, dice.bytes(dice.below(Self.frameBytes))))
      connection.send(SPText.frame(SPText.proof, dice.bytes(dice.below(Self.frameBytes))))
      return isAnswered()
    case (.halfOpen, _), (.slowLoris, _), (.reset, _): return false
    }
  }

  /// Begins to stay; answers whether it does.
  func stay(_ manner: Manner) -> Bool {
    guard manner == .slowLoris else { return true }
    switch port.speech {
    case .http:
      connection.send("POST /v1/messages HTTP/1.1\r\nhost: ")
      return true
    case .requests:
      // A message within the limit, of which one byte after the other comes.
      guard isLetIn() else { return false }
      connection.send(SPText.length(1 << 20) + [0x80, 0x00, 0x00, 0x01])
      return true
    case .publications:
      connection.send([0x00, 0x53])
      return true
    }
  }

  /// One byte more, of a peer that drips.
  func drip() { connection.send([0x61]) }

  func end() { connection.close() }

  /// Whether the other side has taken the connection: it says so by speaking first, or when asked.
  private func isTaken() -> Bool {
    if port.speech == .http {
      connection.send("GET /healthz HTTP/1.1\r\nhost: api.localhost\r\n\r\n")
    }
    return connection.hear(8).count == 8
  }

  private func beginsRequest() -> Bool {
    switch port.speech {
    case .http: connection.send("POST /v1/messages HTTP/1.1\r\ncontent-length: 100\r\n\r\n{")
    case .requests, .publications: connection.send([0x00, 0x53, 0x50])
    }
    return true
  }

  /// Greets as somebody who asks, and is past the handshake: a ping is answered.
  ///
  /// Whoever greets as anything else is refused before a byte of theirs is parsed.
  private func isLetIn() -> Bool {
    connection.send(SPText.greeting(SPText.request))
    guard connection.hear(8).count == 8 else { return false }
    connection.send(SPText.frame(SPText.ping))
    let answer = connection.hear(SPText.frame(SPText.pong).count)
    return answer.count > SPText.kindOffset && answer[SPText.kindOffset] == SPText.pong
  }

  /// Whether a whole header of an answer comes.
  private func isAnswered() -> Bool {
    connection.hear(SPText.kindOffset + 1).count == SPText.kindOffset + 1
  }
}
