import Alerts
import Platform

/// Letters as files, for a machine without a mail server: one each, which only their owner may
/// read.
struct MailDirectory: MailSender {
  let directory: String
  let random: any RandomSource

  func send(_ mail: Mail) async throws {
    try PrivateFile.createDirectory(directory)
    let name = LocalSecrets.hex(random.bytes(8))
    let text = "To: \(mail.to)\r\nSubject: \(mail.subject)\r\n\r\n\(mail.text)\r\n"
    try PrivateFile.write(Array(text.utf8), to: "\(directory)/\(name).eml")
  }
}
