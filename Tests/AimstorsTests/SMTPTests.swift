import Alerts
import Foundation
import Platform
import Testing
import Wire

@testable import aimstors

/// The talk with a mail server without any network, then with one on this machine.
@Suite struct SMTPTests {
  private func dialogue(
    _ security: SMTPDialogue.Security, login: (user: String, password: String)? = nil
  ) -> SMTPDialogue {
    SMTPDialogue(
      security: security, greetsAs: "example.com", login: login, from: "no-reply@example.com",
      to: "ana@example.org", content: Array("Subject: hi\r\n\r\n.dot\r\n".utf8))
  }

  /// What is said to these replies; `TLS` where TLS begins.
  private func talk(_ dialogue: inout SMTPDialogue, _ replies: [(Int, [String])]) -> [String] {
    var said: [String] = []
    func note(_ action: SMTPDialogue.Action) {
      switch action {
      case .send(let bytes): said.append(String(decoding: bytes, as: UTF8.self))
      case .startTLS: said.append("TLS")
      case .done(let bytes): said.append("DONE " + String(decoding: bytes, as: UTF8.self))
      case .failed(let reason): said.append("FAILED \(reason)")
      }
    }
    for (code, lines) in replies {
      note(dialogue.receive(SMTPReply(code: code, lines: lines)))
      if said.last == "TLS" { note(dialogue.secured()) }
    }
    return said
  }

  @Test func `a letter is handed over by STARTTLS with a password`() {
    var dialogue = dialogue(.startTLS, login: ("user", "pass"))
    let said = talk(
      &dialogue,
      [
        (220, ["mx"]), (250, ["mx", "STARTTLS", "SIZE 1"]), (220, ["go"]),
        (250, ["mx", "AUTH LOGIN PLAIN"]), (235, ["ok"]), (250, ["ok"]), (250, ["ok"]),
        (354, ["go"]), (250, ["taken"]),
      ])
    #expect(
      said == [
        "EHLO example.com\r\n", "STARTTLS\r\n", "TLS", "EHLO example.com\r\n",
        "AUTH PLAIN AHVzZXIAcGFzcw==\r\n", "MAIL FROM:<no-reply@example.com>\r\n",
        "RCPT TO:<ana@example.org>\r\n", "DATA\r\n",
        "Subject: hi\r\n\r\n..dot\r\n.\r\n", "DONE QUIT\r\n",
      ])
  }

  @Test func `nothing is sent in clear that must not be`() {
    var plain = dialogue(.startTLS, login: ("user", "pass"))
    let said = talk(&plain, [(220, []), (250, ["mx", "AUTH PLAIN"])])
    #expect(said == ["EHLO example.com\r\n", "FAILED the mail server offers no TLS"])
    var none = dialogue(.none, login: ("user", "pass"))
    let refused = talk(&none, [(220, []), (250, ["mx", "AUTH PLAIN"])])
    #expect(refused.last == "FAILED the mail server takes no password here")
  }

  @Test(arguments: [
    [421], [220, 502], [220, 250, 550], [220, 250, 250, 450], [220, 250, 250, 250, 554],
    [220, 250, 250, 250, 354, 552],
  ])
  func `a server that refuses at any step is believed`(codes: [Int]) {
    var dialogue = dialogue(.none)
    let said = talk(&dialogue, codes.map { ($0, ["mx"]) })
    #expect(said.last?.hasPrefix("FAILED") == true)
    #expect(said.count == codes.count)
  }

  @Test func `replies are cut from any pieces, and nonsense is refused`() throws {
    var replies = SMTPReplies()
    var found: [SMTPReply] = []
    for byte in "250-mx\r\n250 SIZE\r\n220 x\n".utf8 { found += try replies.take([byte]) }
    #expect(
      found == [SMTPReply(code: 250, lines: ["mx", "SIZE"]), SMTPReply(code: 220, lines: ["x"])])
    for text in ["hello\r\n", "99 x\r\n", "\r\n", String(repeating: "a", count: 2_000)] {
      var broken = SMTPReplies()
      #expect(throws: SMTPReplies.Malformed.self) { try broken.take(Array(text.utf8)) }
    }
    var endless = SMTPReplies()
    #expect(throws: SMTPReplies.Malformed.self) {
      for _ in 0..<200 { _ = try endless.take(Array("250-more\r\n".utf8)) }
    }
  }

  @Test func `a letter's headers are one line each, and its text is base 64`() throws {
    let now = Timestamp(milliseconds: 1_795_654_923_000)
    #expect(SMTPLetter.date(now) == "Thu, 26 Nov 2026 01:02:03 +0000")
    let mail = Mail(to: "ana@example.org", subject: "Grüße", text: "Zeile\n.\nEnde")
    let bytes = try #require(
      SMTPLetter.content(mail, from: "no-reply@example.com", id: "x1", at: now))
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.contains("Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n"))
    #expect(text.contains("Message-ID: <x1@example.com>\r\n"))
    #expect(text.hasSuffix("\r\n\r\nWmVpbGUKLgpFbmRl\r\n"))
    for bad in [
      Mail(to: "a@b\r\nBcc: x@y", subject: "s", text: ""),
      Mail(to: "a@b>", subject: "s", text: ""),
      Mail(to: "a@b", subject: "s\r\nBcc: x@y", text: ""), Mail(to: "ana", subject: "s", text: ""),
    ] {
      #expect(SMTPLetter.content(bad, from: "no-reply@example.com", id: "x", at: now) == nil)
    }
  }

  @Test func `a server on this machine gets the letter, and one that is away says so`()
    async throws
  {
    let server = try FakeMailServer()
    defer { server.stop() }
    func sender(_ port: Int) -> SMTPSender {
      SMTPSender(
        settings: SMTPSettings(
          host: "127.0.0.1", port: port, security: .none, user: nil, passwordFile: nil,
          from: "no-reply@example.com", authority: nil),
        clock: LiveWallClock(), random: LiveRandomSource())
    }
    try await sender(server.port).send(
      Mail(to: "ana@example.org", subject: "One", text: "the token aot_x"))
    try await PrivateSystem.wait("the letter is there", seconds: 10) {
      () throws(CommandFailure) in server.letters.count == 1
    }
    let letter = try #require(server.letters.first)
    #expect(letter.contains("RCPT TO:<ana@example.org>"))
    #expect(letter.contains("dGhlIHRva2VuIGFvdF94"))
    await #expect(throws: (any Error).self) {
      try await sender(1).send(Mail(to: "ana@example.org", subject: "Two", text: ""))
    }
  }

  @Test func `mail settings are read with their lines, and passwords need TLS`() throws {
    func settings(_ yaml: String) throws -> MailSettings {
      let root = try ConfigurationNode(yaml: "mail: \(yaml)", file: "t.yaml")
      return try MailSettings(try root.requiredChild("mail"))
    }
    let good = try settings(
      "{smtp: {host: mx.test, from: a@b.c, user: u, password_file: /p}}")
    #expect(good.smtp?.port == 587 && good.smtp?.security == .startTLS)
    let again = try settings(good.json.serialized())
    #expect(again == good)
    #expect(try settings("{smtp: {host: mx.test, from: a@b.c, security: tls}}").smtp?.port == 465)
    for bad in [
      "{smtp: {host: mx.test, from: ab}}", "{smtp: {from: a@b.c}}", "{smpt: {}}",
      "{smtp: {host: h, from: a@b.c, security: none, user: u, password_file: /p}}",
      "{smtp: {host: h, from: a@b.c, user: u}}",
    ] {
      #expect(throws: ConfigurationError.self, "\(bad)") { try settings(bad) }
    }
  }
}
