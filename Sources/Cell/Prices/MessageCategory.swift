import Wire

/// What Meta charges a message as.
///
/// The number stands in rows and is never reused.
enum MessageCategory: Int64, Sendable, CaseIterable {
  case marketing = 1
  case utility = 2
  case authentication = 3
  /// Anything that is not a template.
  case service = 4

  var name: String {
    switch self {
    case .marketing: "marketing"
    case .utility: "utility"
    case .authentication: "authentication"
    case .service: "service"
    }
  }

  /// Reads the name in either case: webhooks write it small, templates in capitals.
  init?(name: String) {
    let name = name.lowercased()
    guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }
}
