/// Where every tenant is, and whose every number, account, slug and host is.
///
/// Merging never lowers a tenant's epoch, a claim's version, a cell's generation or a Meta app's
/// version, in whatever order pages come. At an equal epoch or generation a page may change state
/// and address only if it is no older than the newest page merged.
public struct PlacementMap: Sendable {
  public struct Placement: Hashable, Sendable {
    public let cell: CellID
    public let epoch: Epoch
    public let state: TenantState

    public init(cell: CellID, epoch: Epoch, state: TenantState) {
      self.cell = cell
      self.epoch = epoch
      self.state = state
    }
  }

  public struct Cell: Hashable, Sendable {
    public let id: CellID
    public let region: String
    /// Where its requests are answered, as a messaging address.
    public let address: String
    public let generation: Generation
    /// `joining`, `active`, `draining`, `retired`.
    public let state: String
  }

  public struct MetaApp: Hashable, Sendable {
    public let id: MetaAppID
    public let secret: String
    /// Empty outside a rotation.
    public let previousSecret: String
    public let verifyToken: String
    /// Set where only this tenant's numbers may be reached through the app.
    public let tenant: TenantID?
    public let version: UInt64
  }

  /// The newest map version merged; 0 for a map that has never been filled.
  public internal(set) var version: UInt64 = 0
  public internal(set) var cells: [CellID: Cell] = [:]
  public internal(set) var metaApps: [MetaAppID: MetaApp] = [:]
  /// The hash of each chunk as merged last, by its index.
  public internal(set) var chunkHashes: [[UInt8]] = []

  var tenants = CompactTable()
  /// Of these, the ones that hold or held a key and whose placement has not come yet.
  private var unplaced = 0
  var claims = CompactTable(isPrefixed: true)
  /// The cells that placements name, so that a record needs two bytes for one.
  var cellNames: [CellID] = []
  var cellNumbers: [CellID: UInt32] = [:]

  public init() {}

  /// Tenants whose placement is known.
  public var tenantCount: Int { tenants.count - unplaced }
  public var claimCount: Int { claims.count }
  /// Bytes of the table of tenants, and of that of claims.
  public var memoryBytes: (tenants: Int, claims: Int) { (tenants.memoryBytes, claims.memoryBytes) }

  public func placement(of tenant: TenantID) -> Placement? {
    guard let index = tenants.find(tenant.rawValue) else { return nil }
    let (small, epoch) = tenants.values(index)
    let cell = cellNames[Int(small >> 8)]
    guard cell != Self.nowhere else { return nil }
    return Placement(cell: cell, epoch: Epoch(epoch), state: Self.state(small & 0xFF))
  }

  /// The tenant that holds a key now; nil where nobody does.
  public func tenant(holding kind: ClaimKind, _ key: String) -> TenantID? {
    guard let index = claims.find(key, prefix: Self.prefix(kind)) else { return nil }
    let (small, _) = claims.values(index)
    // Holder + 1; 0 for a key that was released.
    guard small > 0 else { return nil }
    let holder = tenants.key(Int(small) - 1)
    return TenantID(trusted: String(decoding: holder, as: UTF8.self))
  }

  /// Takes what a cell said: the tenant is at `cell` under `epoch`.
  ///
  /// Answers whether that is news.
  public mutating func learn(_ tenant: TenantID, at cell: CellID, epoch: Epoch) -> Bool {
    put(tenant.rawValue, cell: cell, epoch: epoch.rawValue, state: nil, current: false)
  }

  /// The chunks of `manifest` that differ from the ones merged.
  public func missing(from manifest: Aimstors_ProtoMapManifest) -> [UInt32] {
    guard manifest.chunkHashes.count == chunkHashes.count else {
      return Array(0..<UInt32(manifest.chunkHashes.count))
    }
    return manifest.chunkHashes.indices
      .filter { !manifest.chunkHashes[$0].elementsEqual(chunkHashes[$0]) }.map { UInt32($0) }
  }

  /// Sets a tenant's placement unless that lowers its epoch; answers whether anything changed.
  @discardableResult mutating func put(
    _ tenant: String, cell: CellID, epoch: UInt64, state: TenantState?, current: Bool
  ) -> Bool {
    let number = number(of: cell)
    guard let index = tenants.find(tenant) else {
      let small = number << 8 | Self.code(state ?? .active)
      return tenants.add(tenant, small: small, large: epoch) != nil
    }
    let (known, knownEpoch) = tenants.values(index)
    guard epoch > knownEpoch || (epoch == knownEpoch && current) else { return false }
    // What a moved tenant may do is the same as before unless somebody says otherwise.
    let small = number << 8 | (state.map(Self.code) ?? known & 0xFF)
    if cellNames[Int(known >> 8)] == Self.nowhere { unplaced -= 1 }
    tenants.set(index, small: small, large: epoch)
    return small != known || epoch != knownEpoch
  }

  mutating func putClaim(_ kind: ClaimKind, _ key: String, holder: String, version: UInt64) {
    let index = claims.find(key, prefix: Self.prefix(kind))
    // First of all: who held a key before its newest claim gets no place here.
    if let index, version <= claims.values(index).large { return }
    var small: UInt32 = 0
    if !holder.isEmpty {
      guard let holder = tenants.find(holder) ?? addUnplaced(holder) else { return }
      small = UInt32(holder + 1)
    }
    if let index {
      claims.set(index, small: small, large: version)
    } else {
      _ = claims.add(key, prefix: Self.prefix(kind), small: small, large: version)
    }
  }

  /// Adds a holder whose placement has not come: it stands at no epoch until it does.
  private mutating func addUnplaced(_ tenant: String) -> Int? {
    guard let index = tenants.add(tenant, small: number(of: Self.nowhere) << 8, large: 0) else {
      return nil
    }
    unplaced += 1
    return index
  }

  /// The cell of tenants that are claimed for but not placed; no cell can have this name.
  static let nowhere = CellID(trusted: "")

  private mutating func number(of cell: CellID) -> UInt32 {
    if let number = cellNumbers[cell] { return number }
    let number = UInt32(cellNames.count)
    precondition(number < 1 << 24, "a deployment has fewer than 16 million cells")
    cellNames.append(cell)
    cellNumbers[cell] = number
    return number
  }

  static func prefix(_ kind: ClaimKind) -> UInt8 {
    switch kind {
    case .phoneNumber: 1
    case .waba: 2
    case .slug: 3
    case .host: 4
    }
  }

  static func code(_ state: TenantState) -> UInt32 {
    switch state {
    case .active: 0
    case .suspended: 1
    case .readOnly: 2
    }
  }

  static func state(_ code: UInt32) -> TenantState {
    code == 1 ? .suspended : code == 2 ? .readOnly : .active
  }
}
