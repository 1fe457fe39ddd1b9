import Cryptography

/// One reply of a mail server: `250-first`, `250 last`.
struct SMTPReply: Hashable, Sendable {
  let code: Int
  let lines: [String]
}

/// Cuts a stream of bytes into replies.
struct SMTPReplies {
  static let maximumLineBytes = 1_000
  static let maximumLines = 100

  private var buffer: [UInt8] = []
  private var lines: [String] = []

  /// What the server says is no reply.
  struct Malformed: Error, Hashable {}

  /// The replies that these bytes complete.
  mutating func take(_ bytes: some Sequence<UInt8>) throws(Malformed) -> [SMTPReply] {
    buffer += bytes
    var replies: [SMTPReply] = []
    while let end = buffer.firstIndex(of: 0x0A) {
      var line = Array(buffer[..<end])
      buffer.removeSubrange(...end)
      if line.last == 0x0D { line.removeLast() }
      guard line.count >= 3, let code = Int(String(decoding: line[..<3], as: UTF8.self)),
        (200..<600).contains(code), lines.count < Self.maximumLines
      else { throw Malformed() }
      lines.append(String(decoding: line.dropFirst(4), as: UTF8.self))
      if line.count > 3, line[3] == UInt8(ascii: "-") { continue }
      replies.append(SMTPReply(code: code, lines: lines))
      lines = []
    }
    guard buffer.count <= Self.maximumLineBytes else { throw Malformed() }
    return replies
  }
}

/// The talk that hands one letter to a mail server (RFC 5321, 3207, 4954), without any network.
struct SMTPDialogue {
  enum Security: String, Hashable, Sendable {
    /// From the first byte.
    case tls
    /// By STARTTLS; without it nothing is sent.
    case startTLS = "starttls"
    case none
  }

  enum Action: Hashable {
    case send([UInt8])
    /// Begin TLS, then call ``secured()``.
    case startTLS
    /// The server has taken the letter.
    case done([UInt8])
    case failed(String)
  }

  private enum Step { case greeting, hello, startTLS, login, from, to, data, content, over }

  private let security: Security
  private let greetsAs: String
  private let login: (user: String, password: String)?
  private let from: String
  private let to: String
  private let content: [UInt8]
  private var step = Step.greeting
  private var isSecure: Bool

  init(
    security: Security, greetsAs: String, login: (user: String, password: String)?,
    from: String, to: String, content: [UInt8]
  ) {
    self.security = security
    self.greetsAs = greetsAs
    self.login = login
    self.from = from
    self.to = to
    self.content = content
    isSecure = security == .tls
  }

  mutating func receive(_ reply: SMTPReply) -> Action {
    switch (step, reply.code) {
    case (.greeting, 220): return hello()
    case (.hello, 250): return afterHello(reply)
    case (.startTLS, 220): return .startTLS
    case (.login, 235): return mailFrom()
    case (.from, 250):
      step = .to
      return line("RCPT TO:<\(to)>")
    case (.to, 250), (.to, 251):
      step = .data
      return line("DATA")
    case (.data, 354):
      step = .content
      return .send(Self.escaped(content))
    case (.content, 250):
      step = .over
      return .done(Array("QUIT\r\n".utf8))
    default:
      let word = step
      step = .over
      return .failed("at \(word) the mail server answered \(reply.code)")
    }
  }

  /// TLS has begun: everything is said anew.
  mutating func secured() -> Action {
    isSecure = true
    return hello()
  }

  private mutating func hello() -> Action {
    step = .hello
    return line("EHLO \(greetsAs)")
  }

  private mutating func afterHello(_ reply: SMTPReply) -> Action {
    let offers = reply.lines.dropFirst().map { $0.uppercased() }
    if security == .startTLS, !isSecure {
      guard offers.contains("STARTTLS") else {
        step = .over
        return .failed("the mail server offers no TLS")
      }
      step = .startTLS
      return line("STARTTLS")
    }
    guard let login else { return mailFrom() }
    let offer = offers.first { $0.hasPrefix("AUTH ") }?.split(separator: " ") ?? []
    // A password never travels in clear.
    guard isSecure, offer.contains("PLAIN") else {
      step = .over
      return .failed("the mail server takes no password here")
    }
    step = .login
    let proof = [0] + Array(login.user.utf8) + [0] + Array(login.password.utf8)
    return line("AUTH PLAIN \(proof.base64Text)")
  }

  private mutating func mailFrom() -> Action {
    step = .from
    return line("MAIL FROM:<\(from)>")
  }

  private func line(_ text: String) -> Action { .send(Array("\(text)\r\n".utf8)) }

  /// Lines that begin with a dot get another, and a dot alone ends.
  static func escaped(_ content: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    var isLineStart = true
    for byte in content {
      if isLineStart, byte == UInt8(ascii: ".") { bytes.append(byte) }
      bytes.append(byte)
      isLineStart = byte == 0x0A
    }
    if !isLineStart { bytes += [0x0D, 0x0A] }
    return bytes + Array(".\r\n".utf8)
  }
}
