import Wire

/// How much somebody may decide over others: a number from 0 to 100.
///
/// Nobody grants, edits or removes what stands at or above their own level; operators of the
/// platform stand above every person of a tenant.
public struct Power: Hashable, Sendable, Comparable, RawRepresentable {
  public let rawValue: Int64

  public init(rawValue: Int64) { self.rawValue = rawValue }

  /// An API key decides over nobody.
  public static let none = Power(rawValue: 0)
  public static let viewer = Power(rawValue: 25)
  public static let agent = Power(rawValue: 50)
  public static let manager = Power(rawValue: 75)
  public static let owner = Power(rawValue: 100)
  /// Above every level that a tenant can have.
  public static let platform = Power(rawValue: 1_000)
  /// What custom roles may have.
  public static let custom = Int64(1)...Int64(99)

  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  /// Whether who has this power may grant, edit or remove somebody or something with `other`.
  ///
  /// Owners are equals who may add and remove each other; the last one stays.
  public func rules(_ other: Power) -> Bool {
    other < self || (self == .owner && other == .owner)
  }
}

/// What a person is in a tenant: a power level and what it lets one do.
public struct Role: Hashable, Sendable {
  public let name: String
  public let power: Power
  public let scopes: Scopes
  public let isBuiltIn: Bool

  public init(name: String, power: Power, scopes: Scopes) {
    self.init(name: name, power: power, scopes: scopes, isBuiltIn: false)
  }

  private init(name: String, power: Power, scopes: Scopes, isBuiltIn: Bool) {
    self.name = name
    self.power = power
    self.scopes = scopes
    self.isBuiltIn = isBuiltIn
  }

  private static let reading: Scopes = [
    .messagesRead, .campaignsRead, .numbersRead, .contactsRead, .templatesRead,
  ]
  public static let owner = Role(name: "owner", power: .owner, scopes: .all, isBuiltIn: true)
  public static let manager = Role(
    name: "manager", power: .manager,
    scopes: reading.union([
      .messagesWrite, .campaignsWrite, .numbersWrite, .contactsWrite, .templatesWrite,
      .walletRead, .apiKeysRead, .apiKeysWrite, .usersRead, .usersWrite, .sessionsRead,
      .sessionsWrite, .auditRead,
    ]), isBuiltIn: true)
  public static let agent = Role(
    name: "agent", power: .agent, scopes: reading.union([.messagesWrite, .contactsWrite]),
    isBuiltIn: true)
  public static let viewer = Role(
    name: "viewer", power: .viewer, scopes: reading, isBuiltIn: true)

  /// The roles that every tenant has, strongest first.
  public static let builtIn = [owner, manager, agent, viewer]

  public static let maximumNameBytes = 40
  /// Custom roles of one tenant.
  public static let maximumCustom = 50

  /// Checks a custom role that somebody wants to make or change.
  ///
  /// Throws `invalid_field` for a name or level that cannot be, `forbidden` where the creator does
  /// not stand above it.
  public static func custom(
    name: String, power: Int64, scopes: [String], by creatorPower: Power, _ creatorScopes: Scopes
  ) throws(Failure) -> Role {
    guard (1...maximumNameBytes).contains(name.utf8.count),
      name.utf8.allSatisfy({ (97...122).contains($0) || (48...57).contains($0) || $0 == 95 })
    else {
      throw Failure(.invalidField, "name must be 1 to \(maximumNameBytes) of a-z 0-9 _")
    }
    guard !builtIn.contains(where: { $0.name == name }) else {
      throw Failure(.conflict, "\(name) is a built-in role")
    }
    guard Power.custom.contains(power) else {
      throw Failure(.invalidField, "power must be 1 to 99")
    }
    let level = Power(rawValue: power)
    guard level < creatorPower else {
      throw Failure(.forbidden, "power: a role below your own level only")
    }
    return Role(
      name: name, power: level, scopes: try Scopes(names: scopes, grantedBy: creatorScopes))
  }
}
