import Storage
import Wire

/// What an error means beyond its message: a campaign paused, a number blocked, an opt-out.
struct ErrorConsequences {
  private let tx: Transaction

  init(_ tx: Transaction) { self.tx = tx }

  func follow(_ rule: GraphErrorRule, _ code: Int, _ message: Message) throws {
    if rule.stops.contains(.number) {
      try Self.block(message.phoneNumberID, reason: "\(code): \(rule.meaning)", tx)
    }
    if rule.stops.contains(.campaign), let campaign = message.campaign {
      try Self.pause(campaign, code: code, reason: rule.meaning, tx)
    }
    if rule.effects.contains(.optOut) {
      try Contacts(tx).optOut(waID: message.party, userID: message.userID)
    }
  }

  /// Stops all sends of a number until it is connected again or resumed; the first reason stays.
  static func block(_ phoneNumberID: String, reason: String, _ tx: Transaction) throws {
    let numbers = try Numbers(tx)
    guard let number = try numbers.find(phoneNumberID: phoneNumberID), number.state == .connected
    else { return }
    try numbers.setState(number.id, .blocked, reason: reason)
  }

  /// Pauses a campaign that runs or is scheduled; says why.
  static func pause(_ id: RowID, code: Int?, reason: String, _ tx: Transaction) throws {
    let store = CampaignStore(try tx.file(.messages))
    guard var standing = try store.standing(id),
      standing.state == .running || standing.state == .scheduled
    else { return }
    standing.state = .paused
    standing.since = tx.now
    standing.reasonCode = code
    standing.reason = reason
    try store.put(standing, of: id)
    tx.dueMayHaveChanged()
  }
}
