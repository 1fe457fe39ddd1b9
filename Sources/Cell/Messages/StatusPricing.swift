import Wire

/// What a status says that Meta charges.
enum StatusPricing: Hashable, Sendable {
  case free
  case charged(MessageCategory)

  /// Reads a status's `pricing`; nil where it has none, or one that we do not know.
  init?(status raw: [UInt8]) {
    guard let pricing = (try? JSONTape(raw).root)?["pricing"], pricing.kind == .object else {
      return nil
    }
    if let type = pricing["type"]?.string, type.hasPrefix("free_") {
      self = .free
      return
    }
    guard let category = pricing["category"]?.string.flatMap(Self.category) else { return nil }
    self = .charged(category)
  }

  /// Meta's categories, in either spelling, as we price them.
  private static func category(_ name: String) -> MessageCategory? {
    switch name.lowercased().replacing("-", with: "_") {
    case "marketing_lite": .marketing
    case "authentication_international": .authentication
    default: MessageCategory(name: name)
    }
  }
}
