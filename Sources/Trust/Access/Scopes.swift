import Wire

/// What a credential of a tenant may do.
///
/// The bit stands in rows and is never reused.
public struct Scopes: OptionSet, Hashable, Sendable {
  public let rawValue: Int64

  public init(rawValue: Int64) { self.rawValue = rawValue }

  public static let messagesRead = Scopes(rawValue: 1 << 0)
  public static let messagesWrite = Scopes(rawValue: 1 << 1)
  public static let campaignsRead = Scopes(rawValue: 1 << 2)
  public static let campaignsWrite = Scopes(rawValue: 1 << 3)
  public static let numbersRead = Scopes(rawValue: 1 << 4)
  public static let numbersWrite = Scopes(rawValue: 1 << 5)
  public static let contactsRead = Scopes(rawValue: 1 << 6)
  public static let contactsWrite = Scopes(rawValue: 1 << 7)
  public static let templatesRead = Scopes(rawValue: 1 << 8)
  public static let templatesWrite = Scopes(rawValue: 1 << 9)
  public static let walletRead = Scopes(rawValue: 1 << 10)
  public static let apiKeysRead = Scopes(rawValue: 1 << 11)
  public static let apiKeysWrite = Scopes(rawValue: 1 << 12)
  /// People, roles, who may do what.
  public static let usersRead = Scopes(rawValue: 1 << 13)
  public static let usersWrite = Scopes(rawValue: 1 << 14)
  /// Other people's sessions, those included in which an operator acts.
  public static let sessionsRead = Scopes(rawValue: 1 << 15)
  public static let sessionsWrite = Scopes(rawValue: 1 << 16)
  /// The audit log, its proofs, and alerts.
  public static let auditRead = Scopes(rawValue: 1 << 17)
  /// Everything there is, and what later versions add.
  public static let all = Scopes(rawValue: Int64.max)

  private static let names: [(Scopes, String)] = [
    (.messagesRead, "messages:read"), (.messagesWrite, "messages:write"),
    (.campaignsRead, "campaigns:read"), (.campaignsWrite, "campaigns:write"),
    (.numbersRead, "numbers:read"), (.numbersWrite, "numbers:write"),
    (.contactsRead, "contacts:read"), (.contactsWrite, "contacts:write"),
    (.templatesRead, "templates:read"), (.templatesWrite, "templates:write"),
    (.walletRead, "wallet:read"), (.apiKeysRead, "api_keys:read"),
    (.apiKeysWrite, "api_keys:write"), (.usersRead, "users:read"),
    (.usersWrite, "users:write"), (.sessionsRead, "sessions:read"),
    (.sessionsWrite, "sessions:write"), (.auditRead, "audit:read"),
  ]

  /// Every scope of this version, one by one.
  public static var each: [Scopes] { names.map(\.0) }

  /// The names as clients write them; `["*"]` for everything.
  public var names: [String] {
    self == .all ? ["*"] : Self.names.filter { contains($0.0) }.map(\.1)
  }

  /// Reads names; `*` is everything that the creator may grant.
  ///
  /// Throws `invalid_field` for an unknown or missing name and `forbidden` for one that the creator
  /// does not have.
  public init(names: [String], grantedBy creator: Scopes) throws(Failure) {
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
