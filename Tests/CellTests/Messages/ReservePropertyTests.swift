import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import Cell

/// Random histories in which Meta charges what it likes, in any order; utility costs less than what
/// it may be charged as, or nothing.
@Suite("Reserves, any history") struct ReservePropertyTests {
  private static let marketing: Int64 = 500
  private static let authentication: Int64 = 300
  private static let pricings = [
    #"{"type":"regular","category":"utility"}"#, #"{"type":"regular","category":"marketing"}"#,
    #"{"type":"regular","category":"authentication"}"#,
    #"{"type":"free_customer_service","category":"utility"}"#,
  ]

  private func shop(_ seed: UInt64) async throws -> Shop {
    let shop = try await Shop(seed: seed, funds: 1_000_000, category: "UTILITY")
    try await shop.write { tx in
      let prices: [(MessageCategory, Int64)] = [
        (.utility, seed % 2 == 0 ? 0 : 200), (.marketing, Self.marketing),
        (.authentication, Self.authentication),
      ]
      _ = try Prices(tx).replace(
        prices.map {
          Rate(market: .any, category: $0.0, validFrom: .zero, amount: Micros($0.1))
        }, currency: Books.eur)
    }
    return shop
  }

  @Test(arguments: 1...24)
  func `nothing is held for ever, what failed is free, and nothing is paid twice`(seed: UInt64)
    async throws
  {
    let random = SeededRandomSource(seed: seed)
    func draw(_ below: UInt64) -> UInt64 { random.uint64() % below }
    let shop = try await shop(seed)
    var campaigns: [RowID] = []
    for _ in 0..<3 { campaigns.append(try await shop.campaign(recipients: 6)) }
    for _ in 0..<4 { _ = try await shop.send(ReserveTests.template) }
    var jobs: [SendJob] = []
    var taken: [RowID] = []
    for _ in 0..<140 {
      switch draw(12) {
      case 0...2: jobs += try await shop.turn(claim: Int(draw(4)) + 1)
      case 3...5 where !jobs.isEmpty:
        let job = jobs.remove(at: Int(draw(UInt64(jobs.count))))
        let result =
          switch draw(6) {
          case 0: Shop.refused(job, 131_026)
          case 1: Shop.refused(job, 131_016)
          case 2:
            SendResult(
              id: job.id, phoneNumberID: Shop.number, outcome: .notSent(reason: "refused"))
          default: Shop.accepted(job)
          }
        if case .accepted = result.outcome { taken.append(job.id) }
        _ = try await shop.turn([result], claim: 0)
      case 6...8 where !taken.isEmpty:
        let id = taken[Int(draw(UInt64(taken.count)))]
        let status = ["sent", "delivered", "read", "failed"][Int(draw(4))]
        let pricing = draw(4) == 0 ? nil : Self.pricings[Int(draw(4))]
        try await shop.status("wamid.\(id.rawValue)", status, code: 131_026, pricing: pricing)
      case 9 where draw(4) == 0:
        let id = campaigns[Int(draw(3))]
        _ = try? await shop.write { try CampaignCommands($0).cancel(id) }
      case 10:
        let id = campaigns[Int(draw(3))]
        let pauses = draw(2) == 0
        _ = try? await shop.write { tx in
          let commands = try CampaignCommands(tx)
          if pauses { try commands.pause(id) } else { try commands.resume(id) }
        }
      case 11 where draw(12) == 0:
        shop.clock.advance(milliseconds: (MessageLimits.holdSeconds + 1) * 1_000)
        _ = try await shop.write { try Ledger($0).expireHolds() }
      default: shop.clock.advance(milliseconds: Int64(draw(20_000)))
      }
      try await check(shop)
    }
    try await end(shop, campaigns, jobs, taken)
  }

  /// Everything under way is refused, everything taken gets its last word: then nothing is held.
  private func end(
    _ shop: Shop, _ campaigns: [RowID], _ jobs: [SendJob], _ taken: [RowID]
  ) async throws {
    for id in campaigns { _ = try? await shop.write { try CampaignCommands($0).cancel(id) } }
    var left = jobs
    repeat {
      left = try await shop.turn(left.map { Shop.refused($0, 131_026) })
      shop.clock.advance(milliseconds: 3_600_000)
    } while !left.isEmpty
    for id in taken {
      try await shop.status("wamid.\(id.rawValue)", "played", pricing: Self.pricings[0])
    }
    try await check(shop)
    #expect(try await shop.balances().held == .zero)
    let tallies = try await shop.read { snapshot in
      try campaigns.compactMap { try CampaignStore(snapshot.file(.messages)).tally($0) }
    }
    for tally in tallies {
      #expect(tally.waiting == 0 && tally.sending == 0)
    }
  }

  private func check(_ shop: Shop) async throws {
    let (held, remaining, paid) = try await shop.read { snapshot in
      let file = snapshot.file(.ledger)
      let held = try LedgerStore(file).accountBalances()[.held].rawValue
      let remaining =
        try file.first(
          "SELECT coalesce(sum(amount - captured - released), 0) FROM holds WHERE state = 0"
        ) { $0.int64(0) } ?? 0
      let store = MessageStore(snapshot.file(.messages))
      let all = try MessageListStore(snapshot.file(.messages)).list(
        MessageFilter(), before: nil, limit: 1_000)
      var paid: [(MessageState, Int64)] = []
      for message in all {
        guard let standing = try store.standing(message.id) else { continue }
        let again = try store.alerts(message.id).filter {
          $0.kind == MessageAlert.chargedAgain.rawValue
        }
        let charged = try ([message.id] + again.map(\.id)).reduce(0) {
          $0 + (try LedgerStore(file).usage($1)?.charged.rawValue ?? 0)
        }
        paid.append((standing.lifecycle.state, charged))
      }
      return (held, remaining, paid)
    }
    #expect(held == remaining)
    for (state, charged) in paid {
      #expect(charged <= Self.marketing, "\(state)")
      if state == .failed || state == .cancelled || state == .queued {
        #expect(charged == 0, "\(state)")
      }
    }
  }
}
