import Platform
import Simulation
import Testing
import Wire

@testable import Cell

/// Random histories of sends, outcomes, statuses and crashes; the invariants hold after each step.
@Suite("Sending, any history") struct SendingPropertyTests {
  private struct History {
    var jobs: [SendJob] = []
    /// The wamid of each message that reached Graph.
    var wamids: [RowID: String] = [:]
    /// Requests that reached Graph and may count, by message.
    var sends: [RowID: Int] = [:]
    var ranks: [RowID: Int64] = [:]
  }

  @Test(arguments: 1...12)
  func `no history breaks money or sends twice`(seed: UInt64) async throws {
    let random = SeededRandomSource(seed: seed)
    func draw(_ below: UInt64) -> UInt64 { random.uint64() % below }
    let shop = try await Shop(seed: seed)
    let campaign = try await shop.campaign(recipients: 30)
    for _ in 0..<5 { _ = try await shop.send(Shop.text) }
    var history = History()
    for _ in 0..<120 {
      switch draw(10) {
      case 0...2: history.jobs += try await shop.turn(claim: Int(draw(5)) + 1)
      case 3...5: try await answer(&history, shop, draw)
      case 6...7: try await tell(history, shop, draw)
      case 8: try await crash(&history, shop, draw)
      default: shop.clock.advance(milliseconds: Int64(draw(30_000)))
      }
      try await check(&history, shop, campaign)
    }
  }

  private func reach(_ job: SendJob, _ history: inout History) {
    history.sends[job.id, default: 0] += 1
    history.wamids[job.id] = "wamid.\(job.id.rawValue)"
  }

  /// The process dies: what it knew of its jobs is gone; some of them had reached Graph.
  private func crash(
    _ history: inout History, _ shop: Shop, _ draw: (UInt64) -> UInt64
  ) async throws {
    for job in history.jobs where draw(2) == 0 { reach(job, &history) }
    history.jobs = []
    let sealer = shop.sealer
    _ = try await shop.write { tx in
      try OutboxCommands(
        tx, sealer: sealer, gate: OpenSendGate(), configuration: OutboxConfiguration()
      ).housekeep(inFlight: [])
    }
  }

  /// Graph answers one job; the outcome may be written more than once.
  private func answer(
    _ history: inout History, _ shop: Shop, _ draw: (UInt64) -> UInt64
  ) async throws {
    guard !history.jobs.isEmpty else { return }
    let job = history.jobs.remove(at: Int(draw(UInt64(history.jobs.count))))
    let result: SendResult
    switch draw(10) {
    case 0...5:
      reach(job, &history)
      // The status may overtake the answer.
      if draw(3) == 0, let wamid = history.wamids[job.id] {
        try await shop.status(wamid, "delivered", callback: draw(2) == 0 ? job.id : nil)
      }
      result = Shop.accepted(job)
    case 6:
      reach(job, &history)
      result = SendResult(
        id: job.id, phoneNumberID: Shop.number, outcome: .ambiguous(reason: "reset"))
    case 7:
      result = SendResult(
        id: job.id, phoneNumberID: Shop.number, outcome: .notSent(reason: "refused"))
    case 8: result = Shop.refused(job, 131_026)
    default: result = Shop.refused(job, 131_016)
    }
    let sealer = shop.sealer
    for _ in 0...draw(2) {
      _ = try await shop.write { tx in
        try OutboxCommands(
          tx, sealer: sealer, gate: OpenSendGate(), configuration: OutboxConfiguration()
        ).turn([result], [])
      }
    }
  }

  /// Graph reports about one message, perhaps again, perhaps late.
  private func tell(
    _ history: History, _ shop: Shop, _ draw: (UInt64) -> UInt64
  ) async throws {
    let known = history.wamids.sorted { $0.key < $1.key }
    guard !known.isEmpty else { return }
    let (id, wamid) = known[Int(draw(UInt64(known.count)))]
    let names = ["sent", "delivered", "read", "failed", "played", "warning"]
    try await shop.status(
      wamid, names[Int(draw(UInt64(names.count)))], callback: draw(4) == 0 ? nil : id,
      code: 131_026)
  }

  private struct View: Sendable {
    var messages: [(id: RowID, lifecycle: MessageLifecycle)] = []
    var balances: [Int64: Int64] = [:]
    var remaining: Int64 = 0
  }

  private func check(_ history: inout History, _ shop: Shop, _ campaign: RowID) async throws {
    for (id, sends) in history.sends { #expect(sends == 1, "\(id) was sent \(sends) times") }
    let view = try await shop.read { snapshot in
      let store = MessageStore(snapshot.file(.messages))
      var view = View()
      let all = try MessageListStore(snapshot.file(.messages)).list(
        MessageFilter(), before: nil, limit: 1_000)
      for message in all where message.type != Message.placeholderType {
        guard let standing = try store.standing(message.id) else { continue }
        view.messages.append((message.id, standing.lifecycle))
      }
      try snapshot.file(.ledger).query("SELECT account, amount FROM balances") { row in
        view.balances[row.int64(0)] = row.int64(1)
      }
      view.remaining =
        try snapshot.file(.ledger).first(
          "SELECT coalesce(sum(amount - captured - released), 0) FROM holds"
        ) { $0.int64(0) } ?? 0
      return view
    }
    #expect(view.balances.values.reduce(0, +) == 0)
    #expect(view.balances[2] ?? 0 == view.remaining)
    let charged = view.messages.filter {
      $0.lifecycle.wasAccepted && $0.lifecycle.state != .failed
    }
    #expect(view.balances[3] ?? 0 == Int64(charged.count) * Shop.price)
    for (id, lifecycle) in view.messages {
      // Sent may become failed and failed delivered; what has arrived never goes back.
      #expect(lifecycle.state.deliveryRank ?? 0 >= history.ranks[id] ?? 0)
      if lifecycle.state.hasArrived { history.ranks[id] = lifecycle.state.rawValue }
    }
    let tally = try await shop.tally(campaign)
    #expect(tally.claimed <= tally.recipients)
    let net = tally.captured - tally.refunded
    #expect(net <= tally.accepted * Shop.price)
  }
}
