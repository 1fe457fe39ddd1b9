import Wire

/// One letter.
public struct Mail: Hashable, Sendable, Codable {
  public let to: String
  public let subject: String
  public let text: String

  public init(to: String, subject: String, text: String) {
    self.to = to
    self.subject = subject
    self.text = text
  }
}

/// Sends letters: SMTP, a directory of files, or nobody.
public protocol MailSender: Sendable {
  /// Throws where it was not taken; it is tried again.
  func send(_ mail: Mail) async throws
}

/// Where no mail is configured: letters wait.
public struct NoMail: MailSender {
  public init() {}
  public func send(_ mail: Mail) async throws {
    throw Failure(.notStored, "no mail server is configured")
  }
}
