import Wire

/// Everything of the map that changed after some version, as of one moment.
struct MapChanges: Sendable {
  /// The platform's version at that moment.
  var version: UInt64 = 0
  var cells: [CellRecord] = []
  /// Provisioned ones only: a tenant is announced once its cell holds it.
  var tenants: [TenantRecord] = []
  var claims: [KeyClaim] = []
  var metaApps: [MetaApp] = []
}

/// What a chunk of the map is made of: one cell, tenant, claim or Meta app.
enum MapEntry: Hashable, Sendable {
  case cell(CellRecord)
  case tenant(TenantRecord)
  case claim(KeyClaim)
  case metaApp(MetaApp)

  enum Key: Hashable, Sendable, Comparable {
    // In this order they stand in the sorting of a chunk.
    case cell(CellID)
    case metaApp(MetaAppID)
    case tenant(TenantID)
    case claim(String, String)
  }

  var key: Key {
    switch self {
    case .cell(let cell): .cell(cell.id)
    case .metaApp(let app): .metaApp(app.id)
    case .tenant(let tenant): .tenant(tenant.id)
    case .claim(let claim): .claim(claim.kind.rawValue, claim.key)
    }
  }

  /// The platform's version at its last change.
  var version: UInt64 {
    switch self {
    case .cell(let cell): cell.mapVersion
    case .metaApp(let app): app.version
    case .tenant(let tenant): tenant.version
    case .claim(let claim): claim.version
    }
  }

  func append(to chunk: inout Aimstors_ProtoMapChunk) {
    switch self {
    case .cell(let cell):
      var proto = Aimstors_ProtoCell()
      proto.id = cell.id.rawValue
      proto.region = cell.region.rawValue
      proto.address = cell.address
      proto.generation = cell.generation.rawValue
      proto.state = cell.state.rawValue
      chunk.cells.append(proto)
    case .metaApp(let app):
      var proto = Aimstors_ProtoMetaApp()
      proto.id = app.id.rawValue
      proto.appSecret = app.appSecret
      proto.previousAppSecret = app.previousAppSecret ?? ""
      proto.verifyToken = app.verifyToken
      proto.tenant = app.tenant?.rawValue ?? ""
      proto.version = app.version
      chunk.metaApps.append(proto)
    case .tenant(let tenant):
      var proto = Aimstors_ProtoTenantPlacement()
      proto.tenant = tenant.id.rawValue
      proto.cell = tenant.placement.cell.rawValue
      proto.epoch = tenant.placement.epoch.rawValue
      proto.state = tenant.state.rawValue
      chunk.tenants.append(proto)
    case .claim(let claim):
      chunk.claims.append(claim.proto)
    }
  }
}

extension KeyClaim {
  var proto: Aimstors_ProtoKeyClaim {
    var proto = Aimstors_ProtoKeyClaim()
    proto.kind = kind.rawValue
    proto.key = key
    proto.tenant = tenant.rawValue
    proto.version = version
    proto.released = isReleased
    return proto
  }
}
