import Trust
import Wire

/// An alert as it leaves.
public enum AlertText {
  /// As it is posted: `{version, tenant_id, alert}`, the alert as the log has it; the platform's
  /// own has null for a tenant.
  public static func body(_ alert: AuditEvent, _ scope: AlertScope) -> [UInt8] {
    var json: [UInt8] = []
    JSONText.append(raw: "{\"version\":1,\"tenant_id\":", to: &json)
    switch scope {
    case .tenant(let tenant): JSONText.append(tenant.rawValue, to: &json)
    case .platform: JSONText.append(raw: "null", to: &json)
    }
    JSONText.append(raw: ",\"alert\":", to: &json)
    json += alert.json
    json.append(UInt8(ascii: "}"))
    return json
  }

  public static func letter(_ alert: AuditEvent, _ scope: AlertScope, to address: String) -> Mail {
    let details = alert.detail.map { "\($0.name): \($0.value)" }.joined(separator: "\n")
    let place =
      switch scope {
      case .tenant(let tenant): "workspace: \(tenant)"
      case .platform: "the platform itself"
      }
    return Mail(
      to: address, subject: "Alert: \(alert.action)",
      text: """
        \(alert.action) (\(alert.outcome.rawValue)) at \(alert.at.rfc3339)

        \(place)
        by: \(alert.actor.kind.rawValue) \(alert.actor.id)
        on: \(alert.subject)
        from: \(alert.address)
        \(details)

        Entry \(alert.sequence) of the audit log. If you do not know what this is, ask now.
        """)
  }
}
