import Wire

/// What one principal did in one minute, as anomaly detection will look at it.
///
/// A fixed set of whole numbers per event, so that a detector needs no history to read one. The
/// form is versioned: members are only added, and another meaning is another version.
public struct SecurityEvent: Hashable, Sendable {
  public static let version: Int64 = 1
  /// How long a window is.
  public static let windowSeconds: Int64 = 60

  /// The numbers, each by the name under which it is stored and published.
  public struct Features: Hashable, Sendable {
    public var requests: Int64 = 0
    /// Refused: a status of 400 to 499.
    public var refused: Int64 = 0
    /// Failed: a status from 500.
    public var failed: Int64 = 0
    /// Different routes asked for.
    public var routes: Int64 = 0
    public var addresses: Int64 = 0
    /// Addresses that this principal never came from before.
    public var newAddresses: Int64 = 0
    public var agents: Int64 = 0
    /// Programs that this principal never used before.
    public var newAgents: Int64 = 0
    public var requestBytes: Int64 = 0
    public var responseBytes: Int64 = 0
    /// Money set aside by its commands, in micros of the tenant's currency.
    public var spendMicros: Int64 = 0

    public init() {}
  }

  public let tenant: TenantID
  public let principalKind: AuditEvent.Actor.Kind
  /// A public id; empty for those whom nobody knows.
  public let principal: String
  /// When the window began.
  public let at: Timestamp
  public let features: Features

  public init(
    tenant: TenantID, principalKind: AuditEvent.Actor.Kind, principal: String, at: Timestamp,
    features: Features
  ) {
    self.tenant = tenant
    self.principalKind = principalKind
    self.principal = principal
    self.at = at
    self.features = features
  }

  /// Requests per minute.
  public var rate: Int64 { features.requests * 60 / Self.windowSeconds }
  /// Of a thousand requests, those that were refused or failed.
  public var failurePermille: Int64 {
    features.requests == 0
      ? 0 : (features.refused + features.failed) * 1_000 / features.requests
  }
  /// The hour of the day in UTC, 0 to 23.
  public var hour: Int64 { at.milliseconds / 3_600_000 % 24 }
  /// The day of the week in UTC, 1 (Monday) to 7.
  public var weekday: Int64 { (at.milliseconds / 86_400_000 + 3) % 7 + 1 }

  /// Every number by its name, in the order of the form.
  public var numbers: [(name: StaticString, value: Int64)] {
    [
      ("version", Self.version), ("at_ms", at.milliseconds),
      ("window_seconds", Self.windowSeconds), ("hour", hour), ("weekday", weekday),
      ("requests", features.requests), ("rate_per_minute", rate),
      ("refused", features.refused), ("failed", features.failed),
      ("failure_permille", failurePermille), ("distinct_routes", features.routes),
      ("addresses", features.addresses), ("new_addresses", features.newAddresses),
      ("agents", features.agents), ("new_agents", features.newAgents),
      ("request_bytes", features.requestBytes), ("response_bytes", features.responseBytes),
      ("spend_micros", features.spendMicros),
    ]
  }

  // MARK: As bytes

  /// One line of JSON in a fixed order: as it is stored and published.
  public var json: [UInt8] {
    var json = Array("{\"tenant_id\":".utf8)
    JSONText.append(tenant.rawValue, to: &json)
    JSONText.append(",\"principal_kind\":", text: principalKind.rawValue, to: &json)
    JSONText.append(",\"principal\":", text: principal, to: &json)
    for number in numbers { json += Array(",\"\(number.name)\":\(number.value)".utf8) }
    json.append(UInt8(ascii: "}"))
    return json
  }

  /// Reads ``json`` back; nil for anything else, and for another version.
  public init?(json: [UInt8]) {
    guard let root = (try? JSONTape(json))?.root, root["version"]?.integer == Self.version,
      let tenant = root["tenant_id"]?.string.flatMap({ TenantID($0) }),
      let kind = root["principal_kind"]?.string.flatMap(AuditEvent.Actor.Kind.init(rawValue:)),
      let principal = root["principal"]?.string, let at = root["at_ms"]?.integer
    else { return nil }
    func number(_ name: String) -> Int64 { root[name]?.integer ?? 0 }
    var features = Features()
    features.requests = number("requests")
    features.refused = number("refused")
    features.failed = number("failed")
    features.routes = number("distinct_routes")
    features.addresses = number("addresses")
    features.newAddresses = number("new_addresses")
    features.agents = number("agents")
    features.newAgents = number("new_agents")
    features.requestBytes = number("request_bytes")
    features.responseBytes = number("response_bytes")
    features.spendMicros = number("spend_micros")
    self.init(
      tenant: tenant, principalKind: kind, principal: principal,
      at: Timestamp(milliseconds: at), features: features)
  }
}
