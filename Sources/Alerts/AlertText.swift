import Cryptography
import Trust
import Wire

/// An alert as it leaves.
public enum AlertText {
  /// As it is posted: `{version, id, tenant_id, alert}`, the alert as the log has it; the
  /// platform's own has null for a tenant.
  ///
  /// The id is the entry's hash: the same when an alert comes again, another where a restored
  /// tenant's log has another entry in its place.
  public static func body(_ alert: AuditEvent, _ scope: AlertScope) -> [UInt8] {
    var json: [UInt8] = []
    let body = alert.json
    JSONText.append(raw: "{\"version\":1,\"id\":", to: &json)
    JSONText.append(MerkleTree.leaf(body).hexText, to: &json)
    JSONText.append(raw: ",\"tenant_id\":", to: &json)
    switch scope {
    case .tenant(let tenant): JSONText.append(tenant.rawValue, to: &json)
    case .platform: JSONText.append(raw: "null", to: &json)
    }
    JSONText.append(raw: ",\"alert\":", to: &json)
    json += body
    json.append(UInt8(ascii: "}"))
    return json
  }

  /// One letter of one or more alerts, the oldest first.
  public static func letter(
    _ alerts: [AuditEvent], _ scope: AlertScope, to address: String
  ) -> Mail {
    let place =
      switch scope {
      case .tenant(let tenant): "workspace: \(tenant)"
      case .platform: "the platform itself"
      }
    let subject =
      alerts.count == 1
      ? "Alert: \(alerts[0].action)"
      : "\(alerts.count) alerts: \(Set(alerts.map(\.action)).sorted().joined(separator: ", "))"
    return Mail(
      to: address, subject: String(subject.prefix(200)),
      text: "\(place)\n\n" + alerts.map(text).joined(separator: "\n")
        + "\nIf you do not know what this is, ask now.\n")
  }

  private static func text(_ alert: AuditEvent) -> String {
    let details = alert.detail.map { "\($0.name): \($0.value)\n" }.joined()
    return """
      \(alert.action) (\(alert.outcome.rawValue)) at \(alert.at.rfc3339)
      by: \(alert.actor.kind.rawValue) \(alert.actor.id)
      on: \(alert.subject)
      from: \(alert.address)
      \(details)entry \(alert.sequence) of the audit log

      """
  }
}
