import Wire

/// One entry of an audit log: who did what to what, and how it ended.
///
/// Its bytes (``json``) are what the log's tree is built of: one line of JSON in a fixed order.
public struct AuditEvent: Hashable, Sendable {
  public enum Outcome: String, Hashable, Sendable, CaseIterable { case success, refused }

  /// Who acted; both identities where an operator acts in a tenant's name.
  public struct Actor: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
      case apiKey = "api_key"
      case user
      case platformOperator = "operator"
      case system
      /// Nobody was authenticated.
      case anonymous
    }
    public let kind: Kind
    /// A public id, never a secret.
    public let id: String
    public let session: String?
    public let impersonatedBy: String?

    public init(_ kind: Kind, _ id: String, session: String? = nil, impersonatedBy: String? = nil) {
      self.kind = kind
      self.id = id
      self.session = session
      self.impersonatedBy = impersonatedBy
    }

    public static let system = Actor(.system, "system")
  }

  /// The position in the log, from 0.
  public var sequence: Int64
  public var at: Timestamp
  /// Such as `api_key.create`.
  public let action: String
  public let actor: Actor
  /// What was acted on, such as `key_…`.
  public let subject: String
  public let outcome: Outcome
  /// What changed, or why it was refused, in the order given; never a secret.
  public let detail: [Detail]
  /// The client's address; empty where none is known.
  public let address: String
  public let traceID: String

  public struct Detail: Hashable, Sendable {
    public let name: String
    public let value: String

    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// Longest value kept; the rest is cut.
  public static let maximumTextBytes = 500
  public static let maximumDetails = 16

  public init(
    sequence: Int64 = 0, at: Timestamp = .zero, action: String, actor: Actor, subject: String,
    outcome: Outcome = .success, detail: [Detail] = [], address: String = "",
    traceID: String = ""
  ) {
    self.sequence = sequence
    self.at = at
    self.action = action
    self.actor = actor
    self.subject = Self.cut(subject)
    self.outcome = outcome
    self.detail = detail.prefix(Self.maximumDetails).map { Detail($0.name, Self.cut($0.value)) }
    self.address = Self.cut(address)
    self.traceID = Self.cut(traceID)
  }

  private static func cut(_ text: String) -> String {
    guard text.utf8.count > maximumTextBytes else { return text }
    var kept = String(decoding: text.utf8.prefix(maximumTextBytes), as: UTF8.self)
    // A letter that was cut in two is left out.
    while kept.last == "\u{FFFD}" { kept.removeLast() }
    return kept
  }

  // MARK: As bytes

  public var json: [UInt8] {
    var json: [UInt8] = []
    json.reserveCapacity(384)
    JSONText.append(raw: "{\"sequence\":", to: &json)
    json.append(contentsOf: String(sequence).utf8)
    JSONText.append(raw: ",\"at\":", to: &json)
    json.append(contentsOf: String(at.milliseconds).utf8)
    JSONText.append(",\"action\":", text: action, to: &json)
    JSONText.append(",\"actor_kind\":", text: actor.kind.rawValue, to: &json)
    JSONText.append(",\"actor\":", text: actor.id, to: &json)
    if let session = actor.session { JSONText.append(",\"session\":", text: session, to: &json) }
    if let by = actor.impersonatedBy {
      JSONText.append(",\"impersonated_by\":", text: by, to: &json)
    }
    JSONText.append(",\"subject\":", text: subject, to: &json)
    JSONText.append(",\"outcome\":", text: outcome.rawValue, to: &json)
    JSONText.append(raw: ",\"detail\":{", to: &json)
    for (index, entry) in detail.enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      JSONText.append(entry.name, to: &json)
      JSONText.append(":", text: entry.value, to: &json)
    }
    json.append(UInt8(ascii: "}"))
    JSONText.append(",\"address\":", text: address, to: &json)
    JSONText.append(",\"trace_id\":", text: traceID, to: &json)
    json.append(UInt8(ascii: "}"))
    return json
  }

  /// Reads ``json`` back; nil for anything else.
  public init?(json: [UInt8]) {
    guard let root = (try? JSONTape(json))?.root, let sequence = root["sequence"]?.integer,
      let at = root["at"]?.integer, let action = root["action"]?.string,
      let kind = root["actor_kind"]?.string.flatMap(Actor.Kind.init(rawValue:)),
      let actor = root["actor"]?.string, let subject = root["subject"]?.string,
      let outcome = root["outcome"]?.string.flatMap(Outcome.init(rawValue:)),
      let detail = root["detail"], let address = root["address"]?.string,
      let trace = root["trace_id"]?.string
    else { return nil }
    self.init(
      sequence: sequence, at: Timestamp(milliseconds: at), action: action,
      actor: Actor(
        kind, actor, session: root["session"]?.string,
        impersonatedBy: root["impersonated_by"]?.string),
      subject: subject, outcome: outcome,
      detail: detail.members.map { Detail($0.key, $0.value.string ?? "") }, address: address,
      traceID: trace)
  }
}

/// What people are told of at once.
public enum AlertRule {
  /// Actions worth an alert, done or refused.
  public static let actions: Set<String> = [
    "user.role_change", "role.put", "role.delete", "api_key.create", "api_key.allow_list_change",
    "price.change", "impersonation.start", "impersonation.grant", "audit.export",
    "tenant.restore", "tenant.fork", "audit.branch", "audit.branch_accept",
    "audit.verification_failed", "session.refresh_reuse", "session.lock_out",
    "credential.foreign", "credential.address_refused", "credential.revoked_used",
    "user.break_glass", "operator.create", "operator.remove", "totp.confirm", "totp.remove",
    "alert_channel.put", "alert_channel.delete", "user.email_change",
  ]

  public static func isAlert(_ event: AuditEvent) -> Bool { isAlert(event.action) }
  static func isAlert(_ action: String) -> Bool { actions.contains(action) }
}
