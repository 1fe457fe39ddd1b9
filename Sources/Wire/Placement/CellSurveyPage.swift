/// What a cell holds, for a control plane that was restored from an older copy: a part of its
/// tenants, by id, and with the first part its send-stops.
public struct CellSurveyPage: Codable, Hashable, Sendable {
  public struct Tenant: Codable, Hashable, Sendable {
    public var id: String
    public var epoch: UInt64
    public var state: String
    public var reason: String
    /// The tenant's own mode; empty: as its cell does; nil: a cell from before it was told.
    public var durability: String?
    /// Nil where the tenant's own files cannot be read now.
    public var profile: Profile?
    public var numbers: [Number]

    public init(
      id: String, epoch: UInt64, state: String, reason: String, durability: String? = nil,
      profile: Profile?, numbers: [Number]
    ) {
      self.id = id
      self.epoch = epoch
      self.state = state
      self.reason = reason
      self.durability = durability
      self.profile = profile
      self.numbers = numbers
    }
  }

  /// Who the tenant is, as its own files tell.
  public struct Profile: Codable, Hashable, Sendable {
    public var name: String
    public var slug: String
    public var currency: String
    public var timeZone: String
    public var tier: String
    public var parent: String
    public var createdAtMilliseconds: Int64

    public init(
      name: String, slug: String, currency: String, timeZone: String, tier: String,
      parent: String, createdAtMilliseconds: Int64
    ) {
      self.name = name
      self.slug = slug
      self.currency = currency
      self.timeZone = timeZone
      self.tier = tier
      self.parent = parent
      self.createdAtMilliseconds = createdAtMilliseconds
    }
  }

  public struct Number: Codable, Hashable, Sendable {
    /// What the tenant calls it.
    public var id: String
    public var phoneNumberID: String
    public var wabaID: String

    public init(id: String, phoneNumberID: String, wabaID: String) {
      self.id = id
      self.phoneNumberID = phoneNumberID
      self.wabaID = wabaID
    }
  }

  public struct Stop: Codable, Hashable, Sendable {
    public var scope: String
    public var id: String
    public var reason: String
    public var sinceMilliseconds: Int64
    public var version: UInt64
    public var isLifted: Bool

    public init(
      scope: String, id: String, reason: String, sinceMilliseconds: Int64, version: UInt64,
      isLifted: Bool
    ) {
      self.scope = scope
      self.id = id
      self.reason = reason
      self.sinceMilliseconds = sinceMilliseconds
      self.version = version
      self.isLifted = isLifted
    }
  }

  public var tenants: [Tenant]
  public var stops: [Stop]
  /// Behind which tenant the next part begins; nil: this is the last one.
  public var next: String?
  /// Whether tenants are on their way out of the cell, undecided or not known to their target.
  ///
  /// Nil: an older cell, which does not say.
  public var isMoving: Bool?

  public init(tenants: [Tenant], stops: [Stop], next: String?, isMoving: Bool? = nil) {
    self.tenants = tenants
    self.stops = stops
    self.next = next
    self.isMoving = isMoving
  }
}
