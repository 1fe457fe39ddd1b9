import Platform
import Storage
import Wire

/// The outbox's writes: intents before a request leaves, outcomes after it came back.
struct OutboxCommands {
  private let tx: Transaction
  private let tracking: MessageTracking
  private let sealer: Sealer
  private let gate: any SendGate
  private let configuration: OutboxConfiguration
  private let campaigns: CampaignStore
  private let queue: CampaignQueueStore

  init(
    _ tx: Transaction, sealer: Sealer, gate: any SendGate,
    configuration: OutboxConfiguration
  ) throws {
    self.tx = tx
    self.sealer = sealer
    self.gate = gate
    self.configuration = configuration
    tracking = try MessageTracking(tx)
    campaigns = CampaignStore(try tx.file(.messages))
    queue = CampaignQueueStore(try tx.file(.messages))
  }

  /// One turn of the outbox: writes outcomes, then claims what is sent next.
  ///
  /// Answers the jobs, which may leave once this transaction is durable.
  func turn(_ results: [SendResult], _ claims: [SendClaim]) throws -> OutboxTurn {
    for result in results { try record(result) }
    // Outcomes may have paused a campaign or blocked a number: claims see that.
    var turn = OutboxTurn()
    for claim in claims { try self.claim(claim, &turn) }
    try tracking.finish()
    tx.dueMayHaveChanged()
    return turn
  }

  // MARK: - Claims

  private func claim(_ claim: SendClaim, _ turn: inout OutboxTurn) throws {
    let candidate = claim.candidate
    guard let number = try sender(candidate.phoneNumberID),
      gate.stopReason(tenant: tx.tenant, phoneNumberID: candidate.phoneNumberID) == nil
    else { return }
    guard try OutboxFunds(tx, tracking).areHeld(for: candidate) else {
      turn.progressed += 1
      return
    }
    if let campaign = candidate.unclaimedOf {
      switch try admit(candidate, into: campaign) {
      case .refused: return
      case .suppressed:
        turn.progressed += 1
        return
      case .waiting: break
      }
    } else if let message = try tracking.store.message(candidate.id), let id = message.campaign {
      guard try campaigns.standing(id)?.state == .running else { return }
    }
    turn.progressed += 1
    if let later = claim.deferredTo { return try postpone(candidate.id, to: later) }
    if let job = try begin(candidate.id, number) { turn.jobs.append(job) }
  }

  /// A number that may send, with its token opened.
  ///
  /// Read once per command.
  private func sender(_ phoneNumberID: String) throws -> SenderNumber? {
    guard let number = try Numbers(tx).find(phoneNumberID: phoneNumberID),
      number.state == .connected
    else { return nil }
    gate.note(numberID: number.id.text(.number), phoneNumberID: phoneNumberID)
    return SenderNumber(
      phoneNumberID: phoneNumberID, accessToken: try number.accessToken(sealer, of: tx.tenant),
      ratePerSecond: number.ratePerSecond)
  }

  private enum Admission { case waiting, suppressed, refused }

  /// Makes a recipient's message, once: its row is its claim.
  ///
  /// Refused where that was done before or the campaign does not run; suppressed where the
  /// recipient opted out.
  private func admit(_ candidate: SendCandidate, into id: RowID) throws -> Admission {
    guard try campaigns.standing(id)?.state == .running,
      let campaign = try campaigns.campaign(id), let launch = try campaigns.launch(id),
      let recipient = try queue.recipient(candidate.id), recipient.campaign == id,
      try tracking.store.standing(recipient.id) == nil
    else { return .refused }
    var message = Message(
      id: recipient.id, isOutgoing: true, at: tx.now, phoneNumberID: campaign.phoneNumberID,
      type: "template")
    message.party = recipient.party
    message.userID = recipient.userID
    message.campaign = id
    try tracking.store.insert(message)
    try tracking.store.put(
      MessageStanding(lifecycle: MessageLifecycle(), at: tx.now, due: tx.now), of: recipient.id)
    try queue.advance(id, past: recipient.id)
    var tally = CampaignTally(of: MessageLifecycle())
    tally.claimed = 1
    tracking.count(tally, in: id)
    guard launch.category == .marketing,
      try Contacts(tx).isOptedOut(waID: recipient.party, userID: recipient.userID)
    else { return .waiting }
    try tracking.apply(to: recipient.id) { $0.suppress() }
    return .suppressed
  }

  private func postpone(_ id: RowID, to later: Timestamp) throws {
    guard var standing = try tracking.store.standing(id), standing.lifecycle.state == .queued
    else { return }
    standing.due = later
    try tracking.store.put(standing, of: id)
  }

  /// Writes the intent.
  ///
  /// Nil where the message is not waiting; one that cannot be written for Graph fails.
  private func begin(_ id: RowID, _ number: SenderNumber) throws -> SendJob? {
    guard let message = try tracking.store.message(id) else { return nil }
    guard let body = try body(of: message) else {
      try tracking.store.put(
        MessageError(code: 0, title: "the message has no recipient", details: ""), of: id)
      try tracking.apply(to: id) { $0.noteRefused() }
      return nil
    }
    var began = false
    let due = tx.now.adding(seconds: MessageLimits.intentSeconds)
    try tracking.apply(to: id, due: due) { message in
      began = message.beginSend()
      return []
    }
    guard began else { return nil }
    let trace = try tracking.store.trace(of: id) ?? id.text(.message)
    return SendJob(id: id, number: number, body: body, traceID: trace)
  }

  private func body(of message: Message) throws -> [UInt8]? {
    let address: RecipientAddress
    if let party = message.party {
      address = .phone(party)
    } else if let user = message.userID {
      address = .user(user)
    } else {
      return nil
    }
    if let content = message.content {
      return try GraphBody.message(content, to: address, id: message.id)
    }
    guard let id = message.campaign, let campaign = try campaigns.campaign(id),
      let recipient = try queue.recipient(message.id)
    else { return nil }
    return GraphBody.template(
      campaign.template, language: campaign.language, components: recipient.components,
      to: address, id: message.id)
  }

  // MARK: - Outcomes

  /// Writes an outcome that another cell was told for an intent of its own, from when it owned the
  /// tenant.
  ///
  /// Nothing is tried again for it: it may be told twice. What neither accepts nor fails leaves the
  /// message ambiguous.
  func late(_ result: SendResult) throws {
    var outcome = result.outcome
    switch result.outcome {
    case .accepted, .ambiguous: break
    case .notSent(let reason): outcome = .ambiguous(reason: reason)
    case .refused(let error):
      let decision = GraphErrorRules.rule(for: error).decide(
        attempt: try tracking.store.standing(result.id)?.lifecycle.attempts ?? 1,
        inCampaign: try tracking.store.message(result.id)?.campaign != nil)
      if decision != .fail { outcome = .ambiguous(reason: error.title) }
    }
    try record(
      SendResult(id: result.id, phoneNumberID: result.phoneNumberID, outcome: outcome))
    try tracking.finish()
    tx.dueMayHaveChanged()
  }

  private func record(_ result: SendResult) throws {
    let id = result.id
    switch result.outcome {
    case .accepted(let wamid, _, _):
      try StatusJoin(tracking).link(wamid, to: id)
      try tracking.apply(to: id) { $0.noteAccepted() }
    case .ambiguous(let reason):
      // A status may have told what happened, and why: that stands.
      if try tracking.store.standing(id)?.lifecycle.state == .sending {
        try tracking.store.put(
          MessageError(code: 0, title: MessageReading.noAnswer, details: reason), of: id)
      }
      try tracking.apply(to: id, due: holdEnd(id)) { $0.noteAmbiguous() }
    case .notSent:
      let attempts = try tracking.store.standing(id)?.lifecycle.attempts ?? 1
      let delay = configuration.notSentDelay(attempts: attempts)
      try retry(id, at: tx.now.adding(milliseconds: delay))
    case .refused(let error):
      try refuse(id, result.phoneNumberID, error)
    }
  }

  /// Queues it to be tried again; what was under way when its campaign was cancelled is not, and
  /// gives its money back.
  private func retry(_ id: RowID, at time: Timestamp) throws {
    try tracking.apply(to: id, due: time) { $0.noteRetry() }
    guard let campaign = try tracking.store.message(id)?.campaign,
      try campaigns.standing(campaign)?.state == .cancelled
    else { return }
    try tracking.apply(to: id) { $0.cancel() }
  }

  /// When an ambiguous message is given up: with the hold that pays for it.
  private func holdEnd(_ id: RowID) throws -> Timestamp {
    let charge = try tracking.store.message(id).flatMap { try tracking.charge(of: $0) }
    let hold = try charge.flatMap { try Ledger(tx).hold($0.hold) }
    return hold?.expiresAt ?? tx.now.adding(seconds: MessageLimits.holdSeconds)
  }

  private func refuse(_ id: RowID, _ phoneNumberID: String, _ error: GraphError) throws {
    guard let message = try tracking.store.message(id),
      let standing = try tracking.store.standing(id)
    else { return }
    let rule = GraphErrorRules.rule(for: error)
    if !standing.lifecycle.wasAccepted {
      try tracking.store.put(
        MessageError(code: error.code, title: error.title, details: error.details), of: id)
    }
    let decision = rule.decide(
      attempt: standing.lifecycle.attempts, inCampaign: message.campaign != nil)
    switch decision {
    case .retry(let delay): try retry(id, at: tx.now.adding(milliseconds: delay))
    case .requeue: try retry(id, at: tx.now)
    case .fail:
      try tracking.apply(to: id) { $0.noteRefused() }
    case .ambiguous:
      try tracking.apply(to: id, due: holdEnd(id)) { $0.noteAmbiguous() }
    }
    try ErrorConsequences(tx).follow(rule, error.code, message)
  }

  // MARK: - Housekeeping

  /// Puts right what time or a crash left behind: intents without outcome become ambiguous, open
  /// sends whose hold ran out expire, scheduled campaigns begin.
  ///
  /// True where more is waiting.
  func housekeep(inFlight: Set<RowID>) throws -> Bool {
    let messages = MessageQueueStore(try tx.file(.messages))
    let limit = configuration.housekeepingBatch
    let intents = try messages.intents(limit: limit + inFlight.count)
      .filter { !inFlight.contains($0) }
    for id in intents {
      let due = Sabotage.resendAmbiguous.isOn ? tx.now : try holdEnd(id)
      try tracking.apply(to: id, due: due) {
        Sabotage.resendAmbiguous.isOn ? $0.noteRetry() : $0.noteAmbiguous()
      }
    }
    let expired = try messages.ambiguousDue(at: tx.now, limit: limit)
    for id in expired { try tracking.apply(to: id) { $0.expire() } }
    for id in try queue.scheduled(by: tx.now) {
      guard var standing = try campaigns.standing(id) else { continue }
      standing.state = .running
      standing.since = tx.now
      try campaigns.put(standing, of: id)
    }
    try tracking.finish()
    tx.dueMayHaveChanged()
    return intents.count >= limit || expired.count >= limit
  }
}
