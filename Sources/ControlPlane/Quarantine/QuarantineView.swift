import Edge
import Hummingbird
import Storage
import Wire

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A webhook part that waits in some cell's spool, as the API shows it.
struct QuarantineView: ResponseEncodable, Sendable {
  /// The cell that keeps it and its id there, joined by a point.
  let id: String
  let receivedAt: Timestamp
  let reason: String
  let metaApp: String
  let tenantID: String?
  /// Of the body, whole.
  let sha256: String
  /// How long the body is; of one over ``ControlPlaneLimits/shownBodyBytes`` the rest is not shown.
  let bodyBytes: Int
  /// Of the webhook as it came; another where it also held other tenants' parts, which are not
  /// shown.
  let webhookSHA256: String
  let bodyBase64: String

  enum CodingKeys: String, CodingKey {
    case id, reason, sha256
    case receivedAt = "received_at"
    case metaApp = "meta_app"
    case tenantID = "tenant_id"
    case webhookSHA256 = "webhook_sha256"
    case bodyBytes = "body_bytes"
    case bodyBase64 = "body_base64"
  }

  init(_ entry: Aimstors_ProtoSpoolEntry, cell: CellID) {
    id = "\(cell).\(entry.id)"
    receivedAt = Timestamp(milliseconds: entry.part.receivedAtMs)
    reason = entry.part.reason
    metaApp = entry.part.metaApp.isEmpty ? entry.part.part.metaApp : entry.part.metaApp
    tenantID = entry.part.part.tenant.isEmpty ? nil : entry.part.part.tenant
    let body = Self.body(of: entry.part)
    sha256 = Digests.sha256(body).hex
    let whole = Array(entry.part.part.bodySha256)
    webhookSHA256 = whole.isEmpty ? sha256 : whole.hex
    bodyBytes = body.count
    bodyBase64 = Data(body.prefix(ControlPlaneLimits.shownBodyBytes)).base64EncodedString()
  }

  /// About what it takes in an answer.
  var bytes: Int { bodyBase64.utf8.count + 1_024 }

  /// The body as it came; of a part, a webhook body with that part alone, its values untouched.
  private static func body(of spooled: Aimstors_ProtoSpoolPart) -> [UInt8] {
    if !spooled.body.isEmpty { return Array(spooled.body) }
    var json = Array(#"{"object":"whatsapp_business_account","entry":["#.utf8)
    var last: Aimstors_ProtoWebhookChange?
    for change in spooled.part.changes {
      // What came in one entry is shown in one: the body shown is no longer than the one that came.
      if let last, last.wabaID == change.wabaID, last.entryTime == change.entryTime {
        json.append(UInt8(ascii: ","))
      } else {
        if last != nil { json.append(contentsOf: "]},".utf8) }
        json.append(contentsOf: #"{"id":"#.utf8)
        JSONText.append(change.wabaID, to: &json)
        if change.entryTime != 0 { json.append(contentsOf: ",\"time\":\(change.entryTime)".utf8) }
        json.append(contentsOf: #","changes":["#.utf8)
      }
      json.append(contentsOf: #"{"field":"#.utf8)
      JSONText.append(change.field, to: &json)
      json.append(contentsOf: #","value":"#.utf8)
      json.append(contentsOf: change.value.isEmpty ? Data("null".utf8) : change.value)
      json.append(UInt8(ascii: "}"))
      last = change
    }
    if last != nil { json.append(contentsOf: "]}".utf8) }
    json.append(contentsOf: "]}".utf8)
    return json
  }
}
