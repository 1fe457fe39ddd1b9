import Alerts
import GraphSimulator
import Platform

/// How a deployment's letters leave: by a mail server, or as files in the cell's directory.
struct MailSettings: Hashable, Sendable {
  /// Nil: as files.
  let smtp: SMTPSettings?
  /// Whether alerts may be posted to addresses inside private networks.
  let alertsMayStayInside: Bool

  static let files = MailSettings(smtp: nil, alertsMayStayInside: false)

  init(smtp: SMTPSettings?, alertsMayStayInside: Bool) {
    self.smtp = smtp
    self.alertsMayStayInside = alertsMayStayInside
  }

  /// Reads `mail: {smtp: {host, port, security, user, password_file, from, authority},
  /// alerts_may_stay_inside}`.
  init(_ node: ConfigurationNode) throws(ConfigurationError) {
    try node.allow(["smtp", "alerts_may_stay_inside"])
    alertsMayStayInside = try node.flag("alerts_may_stay_inside", default: false)
    smtp = try node.child("smtp").map { (node) throws(ConfigurationError) in
      try Self.smtp(node)
    }
  }

  private static func smtp(_ node: ConfigurationNode) throws(ConfigurationError) -> SMTPSettings {
    try node.allow([
      "host", "port", "security", "user", "password_file", "from", "authority",
    ])
    let word = try node.choice("security", of: ["starttls", "tls", "none"])
    let security = SMTPDialogue.Security(rawValue: word) ?? .startTLS
    let user = try node.string("user", default: "")
    guard user.isEmpty || security != .none else {
      throw node.error(.outOfRange, "user", "needs security: a password never travels in clear")
    }
    let from = try node.string("from")
    guard SMTPLetter.isAddress(from) else {
      throw node.error(.outOfRange, "from", "must be an e-mail address")
    }
    let authority = try node.string("authority", default: "")
    return SMTPSettings(
      host: try node.string("host"),
      port: try node.integer("port", in: 1...65_535, default: security == .tls ? 465 : 587),
      security: security, user: user.isEmpty ? nil : user,
      passwordFile: user.isEmpty ? nil : try node.string("password_file"), from: from,
      authority: authority.isEmpty ? nil : authority)
  }

  /// As a process's configuration file has it.
  var json: JSON {
    var json: JSON = ["alerts_may_stay_inside": .bool(alertsMayStayInside)]
    if let smtp {
      let server: JSON = [
        "host": JSON(smtp.host), "port": JSON(smtp.port),
        "security": JSON(smtp.security.rawValue), "from": JSON(smtp.from),
      ]
      json = json.with(
        "smtp",
        server.with("user", smtp.user.map { JSON($0) })
          .with("password_file", smtp.passwordFile.map { JSON($0) })
          .with("authority", smtp.authority.map { JSON($0) }))
    }
    return json
  }

  func sender(directory: String) -> any MailSender {
    guard let smtp else {
      return MailDirectory(directory: directory, random: LiveRandomSource())
    }
    return SMTPSender(settings: smtp, clock: LiveWallClock(), random: LiveRandomSource())
  }
}
