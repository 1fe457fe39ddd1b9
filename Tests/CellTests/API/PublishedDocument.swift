import DocumentCheck
import Edge

@testable import ControlPlane

/// The OpenAPI documents that the control plane publishes, for what the cell answers.
enum PublishedDocument {
  static let admin = check(.admin)
  static let api = check(.api)

  /// What operators read of a tenant at its cell, and whether at followers, too.
  static let cellsReadings = AdminRouteTable.answeredByCells.filter { $0.method == "GET" }
    .map { (path: $0.path, isReadAtFollowers: $0.isReadAtFollowers) }

  /// Where an answer differs from its host's document; empty where nowhere.
  static func faults(
    _ host: String, _ method: String, _ target: String, status: Int, body: [UInt8]
  ) -> [String] {
    guard let document = host == "admin" ? admin : api else { return ["no document"] }
    return document.faults(
      of: DocumentedAnswer(method: method, target: target, status: status, body: body))
  }

  private static func check(_ host: HostKind) -> DocumentCheck? {
    try? DocumentCheck(document: OpenAPIDocument(host: host).json)
  }
}
