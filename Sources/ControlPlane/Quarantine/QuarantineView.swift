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
  /// Of the body shown; what came as one body with other tenants' parts had another.
  let sha256: String
  let bodyBase64: String

  enum CodingKeys: String, CodingKey {
    case id, reason, sha256
    case receivedAt = "received_at"
    case metaApp = "meta_app"
    case tenantID = "tenant_id"
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
    bodyBase64 = Data(body).base64EncodedString()
  }

  /// The body as it came; of a part, a webhook body with that part alone, its values untouched.
  private static func body(of spooled: Aimstors_ProtoSpoolPart) -> [UInt8] {
    if !spooled.body.isEmpty { return Array(spooled.body) }
    var json = Array(#"{"object":"whatsapp_business_account","entry":["#.utf8)
    for (index, change) in spooled.part.changes.enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      json.append(contentsOf: #"{"id":"#.utf8)
      JSONText.append(change.wabaID, to: &json)
      if change.entryTime != 0 { json.append(contentsOf: ",\"time\":\(change.entryTime)".utf8) }
      json.append(contentsOf: #","changes":[{"field":"#.utf8)
      JSONText.append(change.field, to: &json)
      json.append(contentsOf: #","value":"#.utf8)
      json.append(contentsOf: change.value.isEmpty ? Data("null".utf8) : change.value)
      json.append(contentsOf: "}]}".utf8)
    }
    json.append(contentsOf: "]}".utf8)
    return json
  }
}
