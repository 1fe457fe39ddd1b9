import Storage
import Wire

/// What clients ask of campaigns, as commands in the tenant's transaction.
struct CampaignCommands {
  private let tx: Transaction
  private let store: CampaignStore
  private let queue: CampaignQueueStore

  init(_ tx: Transaction) throws {
    self.tx = tx
    store = CampaignStore(try tx.file(.messages))
    queue = CampaignQueueStore(try tx.file(.messages))
  }

  /// Makes a draft.
  ///
  /// Throws `not_found` for an unknown number or template, `invalid_field`.
  func create(_ input: CampaignInput) throws -> Campaign {
    guard (1...CampaignLimits.nameLength).contains(input.name.unicodeScalars.count) else {
      throw Failure(.invalidField, "name must have 1 to \(CampaignLimits.nameLength) characters")
    }
    guard let numberID = RowID(input.numberID, .number) else {
      throw Failure(.invalidField, "number_id is not the identifier of a number")
    }
    let number = try Numbers(tx).find(numberID)
    _ = try template(input.template.name, input.template.language)
    let campaign = Campaign(
      id: tx.freshID(), at: tx.now, name: input.name, number: number.id,
      phoneNumberID: number.phoneNumberID, template: input.template.name,
      language: input.template.language)
    try store.insert(campaign, scheduledAt: input.scheduledAt)
    return campaign
  }

  /// Adds one piece of a page.
  ///
  /// A piece that is stored is left alone. A page that has begun keeps room for all of its people,
  /// so that pages which begin at once do not go over the limit together, and none that has begun
  /// is refused half-way: nothing could complete it.
  ///
  /// Throws `conflict` where the page was sent with other content, `invalid_state` unless the
  /// campaign is a draft, `invalid_field` where the whole page does not fit in the campaign.
  func add(
    _ entries: [RecipientPage.Entry], chunk: Int, of page: RecipientPage, isLast: Bool,
    to id: RowID
  ) throws {
    let stored = try queue.page(page.page, of: id)
    if let stored {
      guard stored.hash == page.hash else {
        throw Failure(.conflict, "page \(page.page) was sent before with other recipients")
      }
      if stored.chunks > chunk { return }
    }
    let (_, standing) = try find(id)
    guard standing.state == .draft else {
      throw Failure(
        .invalidState, "recipients are added to a draft; this is \(standing.state.name)")
    }
    if stored == nil {
      let count = try (store.tally(id)?.recipients ?? 0) + awaited(id)
      guard count + Int64(page.entries.count) <= CampaignLimits.recipients else {
        throw Failure(
          .invalidField,
          "recipients: a campaign has at most \(CampaignLimits.recipients), with those of pages "
            + "that have begun")
      }
    }
    let more = (stored == nil ? page.entries.count : 0) - entries.count
    if more != 0 { try queue.addAwaited(more, to: id) }
    var added = 0
    var markets: [Market: Int64] = [:]
    for entry in entries {
      let recipient = CampaignRecipient(
        id: tx.freshID(), campaign: id, party: entry.address.party, userID: entry.address.userID,
        components: entry.components)
      guard try queue.insert(recipient) else { continue }
      added += 1
      markets[recipient.market, default: 0] += 1
    }
    for (market, count) in markets.sorted(by: { $0.key.code < $1.key.code }) {
      try queue.addMarket(market, count, to: id)
    }
    var tally = CampaignTally()
    tally.recipients = Int64(added)
    try store.add(tally, to: id)
    try queue.insertPage(
      page.page, chunk: chunk, of: id, added: added, duplicates: entries.count - added,
      hash: page.hash, isLast: isLast)
  }

  /// How many people of pages that have begun are still to come.
  ///
  /// Where every page is whole nobody is, whatever stands there: a version before that completed a
  /// page left its room taken.
  private func awaited(_ id: RowID) throws -> Int64 {
    let kept = try queue.awaited(id)
    guard try kept > 0 && queue.unfinishedPage(id) == nil else { return kept }
    try queue.addAwaited(-Int(kept), to: id)
    return 0
  }

  /// Freezes prices and template, holds the money, and lets the campaign run at once or at its
  /// time.
  ///
  /// Throws `price_missing`, `insufficient_funds`, `invalid_state`.
  func start(_ id: RowID, _ input: CampaignStart) throws {
    let (campaign, standing) = try find(id)
    guard standing.state == .draft else {
      throw Failure(
        .invalidState, "only a draft is started; this campaign is \(standing.state.name)")
    }
    guard let tally = try store.tally(id), tally.recipients > 0 else {
      throw Failure(.invalidState, "the campaign has no recipients")
    }
    if let page = try queue.unfinishedPage(id) {
      throw Failure(.invalidState, "page \(page) of the recipients is incomplete; send it again")
    }
    let template = try template(campaign.template, campaign.language)
    try template.requireSendable()
    let prices = try Prices(tx)
    var amount = Micros.zero
    for (market, recipients) in try queue.markets(id) {
      let quote = try prices.quote(market: market, category: template.category, at: tx.now)
      let reserve = try prices.reserve(beyond: quote, at: tx.now)
      try store.insert(quote, reserve: reserve, of: id)
      let worst = try quote.amount.adding(reserve)
      amount = try amount.adding(try worst.multiplied(by: recipients))
    }
    let scheduled = input.scheduledAt ?? standing.scheduledAt
    let until = tx.now.adding(seconds: MessageLimits.holdSeconds)
    if let scheduled, scheduled >= until {
      throw Failure(
        .invalidField, "scheduled_at must be within 30 days: money is held no longer")
    }
    let hold = try Ledger(tx).hold(
      amount, for: .campaign(id), until: until)
    try store.insert(
      CampaignLaunch(
        at: tx.now, hold: hold, amount: amount, category: template.category,
        templateVersion: template.version), of: id)
    let waits = scheduled.map { $0 > tx.now } ?? false
    try put(
      CampaignStanding(
        state: waits ? .scheduled : .running, since: tx.now, scheduledAt: scheduled), id)
  }

  func pause(_ id: RowID) throws {
    let (_, standing) = try find(id)
    if standing.state == .paused { return }
    guard standing.state == .running || standing.state == .scheduled else {
      throw Failure(.invalidState, "a campaign that is \(standing.state.name) cannot be paused")
    }
    try ErrorConsequences.pause(id, code: nil, reason: "paused by request", tx)
  }

  func resume(_ id: RowID) throws {
    let (_, standing) = try find(id)
    if standing.state == .running || standing.state == .scheduled { return }
    guard standing.state == .paused else {
      throw Failure(.invalidState, "a campaign that is \(standing.state.name) cannot be resumed")
    }
    try CampaignFunds(tx).holdAnew(id)
    let waits = standing.scheduledAt.map { $0 > tx.now } ?? false
    try put(
      CampaignStanding(
        state: waits ? .scheduled : .running, since: tx.now, scheduledAt: standing.scheduledAt), id)
    // What was under way may have ended meanwhile, with nothing left that would complete it.
    try CampaignProgress(tx, store, Ledger(tx)).settle(id)
  }

  /// Ends a campaign: what waits is not sent, what is under way keeps its money until it is known,
  /// the rest of the hold goes back.
  func cancel(_ id: RowID) throws {
    let (_, standing) = try find(id)
    if standing.state == .cancelled { return }
    guard standing.state != .completed else {
      throw Failure(.invalidState, "the campaign is completed")
    }
    try put(
      CampaignStanding(
        state: .cancelled, since: tx.now, scheduledAt: standing.scheduledAt), id)
    let tracking = try MessageTracking(tx)
    var underWay = Micros.zero
    for open in try queue.open(id) {
      if open.state == .queued {
        try tracking.apply(to: open.id) { $0.cancel() }
      } else if let charge = try store.charge(id, market: open.market) {
        underWay = try underWay.adding(try charge.worst)
      }
    }
    try tracking.finish()
    // What was accepted keeps its reserve until Meta says what it charges.
    underWay = try underWay.adding(Micros(try store.tally(id)?.reserved ?? 0))
    try releaseRest(id, keeping: underWay)
  }

  private func releaseRest(_ id: RowID, keeping underWay: Micros) throws {
    let ledger = try Ledger(tx)
    guard let launch = try store.launch(id), let hold = try ledger.hold(launch.hold),
      hold.state == .pending
    else { return }
    let rest = try hold.remaining.subtracting(underWay)
    if underWay == .zero {
      _ = try ledger.close(launch.hold, cause: .cancelled)
    } else if rest > .zero {
      try ledger.release(rest, of: launch.hold, cause: .cancelled)
    }
    var tally = CampaignTally()
    tally.released = max(0, rest.rawValue)
    try store.add(tally, to: id)
  }

  func find(_ id: RowID) throws -> (Campaign, CampaignStanding) {
    guard let campaign = try store.campaign(id), let standing = try store.standing(id) else {
      throw Failure(.notFound, "there is no such campaign")
    }
    return (campaign, standing)
  }

  private func template(_ name: String, _ language: String) throws -> Template {
    guard let template = try Templates(tx).find(name: name, language: language) else {
      throw Failure(.notFound, "template: there is no template \(name) in \(language)")
    }
    return template
  }

  private func put(_ standing: CampaignStanding, _ id: RowID) throws {
    try store.put(standing, of: id)
    tx.dueMayHaveChanged()
  }
}
