import Alerts
import Cryptography
import Wire

/// A letter in the form of RFC 5322: plain text, in base 64 so that no server changes it.
enum SMTPLetter {
  /// Nil where an address or the subject would change what the server is told.
  static func content(
    _ mail: Mail, from: String, id: String, at now: Timestamp
  ) -> [UInt8]? {
    guard isAddress(mail.to), isAddress(from),
      !mail.subject.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F })
    else { return nil }
    let domain = from.split(separator: "@").last ?? "localhost"
    var text = ""
    func header(_ name: String, _ value: String) { text += "\(name): \(value)\r\n" }
    header("Date", date(now))
    header("From", "<\(from)>")
    header("To", "<\(mail.to)>")
    header("Message-ID", "<\(id)@\(domain)>")
    header("Subject", word(mail.subject))
    header("MIME-Version", "1.0")
    header("Content-Type", "text/plain; charset=utf-8")
    header("Content-Transfer-Encoding", "base64")
    header("Auto-Submitted", "auto-generated")
    text += "\r\n"
    let body = Array(Array(mail.text.utf8).base64Text.utf8)
    for start in stride(from: 0, to: body.count, by: 76) {
      text += String(decoding: body[start..<min(start + 76, body.count)], as: UTF8.self) + "\r\n"
    }
    return Array(text.utf8)
  }

  /// What may stand between `<` and `>` of a command.
  static func isAddress(_ text: String) -> Bool {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    return parts.count == 2 && text.utf8.count <= 254 && parts.allSatisfy { !$0.isEmpty }
      && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x3C && $0 != 0x3E }
  }

  /// A header's text: as it is in ASCII, else as one encoded word (RFC 2047).
  private static func word(_ text: String) -> String {
    text.utf8.allSatisfy { $0 < 0x7F } ? text : "=?utf-8?B?\(Array(text.utf8).base64Text)?="
  }

  /// `Thu, 26 Nov 2026 01:02:03 +0000`.
  static func date(_ time: Timestamp) -> String {
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    let weekday = Int((time.milliseconds / 86_400_000 + 3) % 7)
    // 2026-11-26T01:02:03.000Z
    let text = Array(time.rfc3339)
    let month = Int(String(text[5...6])) ?? 1
    return "\(days[weekday]), \(String(text[8...9])) \(months[month - 1]) "
      + "\(String(text[0...3])) \(String(text[11...18])) +0000"
  }
}
