import Wire

/// Cuts one webhook body into what belongs to whom.
///
/// Pure: the map is a function.
struct WebhookSplit: Sendable {
  /// Everything of a body that goes the same way.
  struct Part: Sendable {
    enum Way: Hashable, Sendable {
      case owner(TenantID)
      /// Nobody has connected this number or account.
      case unknown(String)
      /// The Meta app is bound to one tenant, and this number is not that tenant's.
      case foreign(String)
    }

    let way: Way
    var changes: [Aimstors_ProtoWebhookChange]
  }

  private(set) var parts: [Part] = []
  /// Whether anything in the body could not be understood: then the body is kept whole too.
  private(set) var isIncomplete = false

  private let bound: TenantID?
  private let holder: @Sendable (ClaimKind, String) -> TenantID?
  private var places: [Part.Way: Int] = [:]

  /// - Parameters:
  ///   - bound: the tenant that the Meta app belongs to, if any.
  ///   - holder: whose a phone number id or an account id is.
  init(
    _ body: [UInt8], bound: TenantID?, holder: @escaping @Sendable (ClaimKind, String) -> TenantID?
  ) {
    self.bound = bound
    self.holder = holder
    guard let root = try? JSONTape(body).root, let entries = root["entry"], entries.kind == .array
    else {
      isIncomplete = true
      return
    }
    for entry in entries.elements { take(entry) }
    // A body without any change is none that we know.
    if parts.isEmpty { isIncomplete = true }
  }

  private mutating func take(_ entry: JSONNode) {
    guard let account = entry["id"]?.lenientString, let changes = entry["changes"],
      changes.kind == .array
    else {
      isIncomplete = true
      return
    }
    let time = entry["time"]?.lenientInteger ?? 0
    for change in changes.elements {
      guard let field = change["field"]?.string, let value = change["value"] else {
        isIncomplete = true
        continue
      }
      let number = value["metadata"]?["phone_number_id"]?.lenientString ?? ""
      var proto = Aimstors_ProtoWebhookChange()
      proto.wabaID = account
      proto.field = field
      proto.phoneNumberID = number
      proto.entryTime = time
      proto.value = .init(value.raw)
      add(proto, to: way(number: number, account: account))
    }
  }

  /// A number decides where there is one: an account may have numbers of several tenants.
  private func way(number: String, account: String) -> Part.Way {
    let key = number.isEmpty ? "waba:" + account : "phone_number:" + number
    guard let tenant = number.isEmpty ? holder(.waba, account) : holder(.phoneNumber, number)
    else { return .unknown(key) }
    if let bound, bound != tenant { return .foreign(key) }
    return .owner(tenant)
  }

  private mutating func add(_ change: Aimstors_ProtoWebhookChange, to way: Part.Way) {
    if let place = places[way] {
      parts[place].changes.append(change)
    } else {
      places[way] = parts.count
      parts.append(Part(way: way, changes: [change]))
    }
  }
}
