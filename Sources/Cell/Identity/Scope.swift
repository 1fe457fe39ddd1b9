import Wire

/// What an API key may do.
///
/// The bit stands in rows and is never reused.
struct Scopes: OptionSet, Hashable, Sendable {
  let rawValue: Int64

  init(rawValue: Int64) { self.rawValue = rawValue }

  static let messagesRead = Scopes(rawValue: 1 << 0)
  static let messagesWrite = Scopes(rawValue: 1 << 1)
  static let campaignsRead = Scopes(rawValue: 1 << 2)
  static let campaignsWrite = Scopes(rawValue: 1 << 3)
  static let numbersRead = Scopes(rawValue: 1 << 4)
  static let numbersWrite = Scopes(rawValue: 1 << 5)
  static let contactsRead = Scopes(rawValue: 1 << 6)
  static let contactsWrite = Scopes(rawValue: 1 << 7)
  static let templatesRead = Scopes(rawValue: 1 << 8)
  static let templatesWrite = Scopes(rawValue: 1 << 9)
  static let walletRead = Scopes(rawValue: 1 << 10)
  static let apiKeysRead = Scopes(rawValue: 1 << 11)
  static let apiKeysWrite = Scopes(rawValue: 1 << 12)
  /// Everything there is, and what later versions add.
  static let all = Scopes(rawValue: Int64.max)

  private static let names: [(Scopes, String)] = [
    (.messagesRead, "messages:read"), (.messagesWrite, "messages:write"),
    (.campaignsRead, "campaigns:read"), (.campaignsWrite, "campaigns:write"),
    (.numbersRead, "numbers:read"), (.numbersWrite, "numbers:write"),
    (.contactsRead, "contacts:read"), (.contactsWrite, "contacts:write"),
    (.templatesRead, "templates:read"), (.templatesWrite, "templates:write"),
    (.walletRead, "wallet:read"), (.apiKeysRead, "api_keys:read"),
    (.apiKeysWrite, "api_keys:write"),
  ]

  /// The names as clients write them; `["*"]` for everything.
  var names: [String] {
    self == .all ? ["*"] : Self.names.filter { contains($0.0) }.map(\.1)
  }

  /// Reads names; `*` is everything that the creator may grant.
  ///
  /// Throws `invalid_field` for an unknown or missing name and `forbidden` for one that the creator
  /// does not have.
  init(names: [String], grantedBy creator: Scopes) throws(Failure) {
    guard !names.isEmpty else {
      throw Failure(.invalidField, "scopes: name at least one, or *")
    }
    var scopes: Scopes = []
    for name in names {
      if name == "*" {
        scopes.formUnion(creator)
      } else if let scope = Self.names.first(where: { $0.1 == name })?.0 {
        guard creator.contains(scope) else {
          throw Failure(.forbidden, "scopes: \(name) is more than the creator may grant")
        }
        scopes.formUnion(scope)
      } else {
        let known = Self.names.map(\.1).joined(separator: ", ")
        throw Failure(.invalidField, "scopes: \(name) is not one of \(known), *")
      }
    }
    self = scopes
  }
}
