/// What an operator of the platform may do.
///
/// The bit stands in rows and is never reused.
public struct PlatformScopes: OptionSet, Hashable, Sendable {
  public let rawValue: Int64

  public init(rawValue: Int64) { self.rawValue = rawValue }

  public static let tenantsRead = PlatformScopes(rawValue: 1 << 0)
  public static let tenantsWrite = PlatformScopes(rawValue: 1 << 1)
  /// A tenant's wallet and prices.
  public static let moneyRead = PlatformScopes(rawValue: 1 << 2)
  public static let moneyWrite = PlatformScopes(rawValue: 1 << 3)
  /// A tenant's people and keys.
  public static let accessRead = PlatformScopes(rawValue: 1 << 4)
  public static let accessWrite = PlatformScopes(rawValue: 1 << 5)
  public static let impersonate = PlatformScopes(rawValue: 1 << 6)
  /// Send-stops, quarantine.
  public static let deliveryRead = PlatformScopes(rawValue: 1 << 7)
  public static let deliveryWrite = PlatformScopes(rawValue: 1 << 8)
  /// Cells, operations, Meta apps.
  public static let systemRead = PlatformScopes(rawValue: 1 << 9)
  public static let systemWrite = PlatformScopes(rawValue: 1 << 10)
  public static let operatorsRead = PlatformScopes(rawValue: 1 << 11)
  public static let operatorsWrite = PlatformScopes(rawValue: 1 << 12)
  public static let auditRead = PlatformScopes(rawValue: 1 << 13)
  /// Everything there is, and what later versions add.
  public static let all = PlatformScopes(rawValue: Int64.max)

  private static let names: [(PlatformScopes, String)] = [
    (.tenantsRead, "tenants:read"), (.tenantsWrite, "tenants:write"),
    (.moneyRead, "money:read"), (.moneyWrite, "money:write"),
    (.accessRead, "access:read"), (.accessWrite, "access:write"),
    (.impersonate, "impersonate"), (.deliveryRead, "delivery:read"),
    (.deliveryWrite, "delivery:write"), (.systemRead, "system:read"),
    (.systemWrite, "system:write"), (.operatorsRead, "operators:read"),
    (.operatorsWrite, "operators:write"), (.auditRead, "audit:read"),
  ]

  public static var each: [PlatformScopes] { names.map(\.0) }

  public var names: [String] {
    self == .all ? ["*"] : Self.names.filter { contains($0.0) }.map(\.1)
  }
}

/// What a person of the platform is; the name stands in rows.
public enum PlatformRole: String, Hashable, Sendable, CaseIterable {
  case superAdmin = "super_admin"
  case `operator`
  case reseller
  case support

  /// Nobody makes, changes or removes an operator at or above their own level, but super admins
  /// each other.
  public var power: Power {
    switch self {
    case .superAdmin: .owner
    case .operator: .manager
    case .support: .agent
    case .reseller: .viewer
    }
  }

  public var scopes: PlatformScopes {
    switch self {
    case .superAdmin: .all
    case .operator:
      [
        .tenantsRead, .tenantsWrite, .moneyRead, .moneyWrite, .accessRead, .accessWrite,
        .impersonate, .deliveryRead, .deliveryWrite, .systemRead, .systemWrite, .operatorsRead,
        .auditRead,
      ]
    case .support:
      [.tenantsRead, .moneyRead, .accessRead, .impersonate, .deliveryRead, .systemRead]
    case .reseller: [.tenantsRead, .moneyRead]
    }
  }
}
