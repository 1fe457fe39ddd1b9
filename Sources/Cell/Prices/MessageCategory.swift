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

  /// What Meta may charge a message as that was sent as this.
  ///
  /// The category of a template is Meta's to change, between the send and the status too
  /// [template_category_update]; what is no template stays what it is.
  var mayBeChargedAs: [MessageCategory] {
    self == .service ? [.service] : [.marketing, .utility, .authentication]
  }

  /// Reads the name in either case: webhooks write it small, templates in capitals.
  init?(name: String) {
    let name = name.lowercased()
    guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }
}
