import Edge
import Foundation
import Logging
import Platform
import Simulation
import Storage
import Synchronization
import Testing
import Wire

@testable import Cell

/// From what is kept back, over its count, to the release.
@Suite("Suspended work") struct SuspendedWorkTests {
  private let tenant = TenantID(trusted: "tone")
  private let quiet = TenantID(trusted: "tquiet")
  private let clock = SimulatedWallClock()
  private let sealer = Sealer(key: [UInt8](repeating: 7, count: 32))
  private let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  enum Way: CaseIterable, Sendable {
    case promotion, restore
  }

  private func inDirectory(_ body: (String) async throws -> Void) async throws {
    var template = Array("/tmp/aimstors-suspended-XXXXXX".utf8CString)
    let directory = try #require(mkdtemp(&template).map { String(cString: $0) })
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try await body(directory)
  }

  /// Two messages, a running campaign with three recipients, and one whose time comes.
  private func fill(_ cell: ArchivedCell) async throws {
    for each in [tenant, quiet] { try await cell.create(each) }
    let sealer = sealer
    try await cell.engine.write(tenant, Shop.origin) { tx in
      let eur = try #require(Currency("EUR"))
      _ = try Ledger(tx).topUp(Micros(1_000_000), currency: eur, reference: "first")
      let rates = MessageCategory.allCases.map {
        Rate(market: .any, category: $0, validFrom: .zero, amount: Micros(Shop.price))
      }
      _ = try Prices(tx).replace(rates, currency: eur)
      let template =
        #"{"category":"MARKETING","components":[{"type":"BODY","text":"Hi {{1}} you"}]}"#
      _ = try Templates(tx).put(
        TemplateInput(name: "hello", language: "en_US", body: Array(template.utf8)))
      let number = try Shop.connect(Shop.number, tx, sealer).text(.number)
      for person in ["+16505551234", "+16505551235"] {
        let text = Shop.text.replacing("NUMBER", with: number)
          .replacing("+16505551234", with: person)
        _ = try MessageCommands(tx).send(OutboundMessage(Array(text.utf8)))
      }
      let commands = try CampaignCommands(tx)
      let json = """
        {"name":"c","number_id":"\(number)","template":{"name":"hello","language":"en_US"}}
        """
      let campaign = try commands.create(
        EdgeJSON.decode(CampaignInput.self, from: Array(json.utf8))
      ).id
      let people = (0..<3).map { #"{"to":"+1555000000\#($0)","parameters":["A"]}"# }
      let page = try RecipientPage(
        Array(#"{"page":0,"recipients":[\#(people.joined(separator: ","))]}"#.utf8),
        parameters: ["1"], isNamed: false)
      try commands.add(page.entries, chunk: 0, of: page, isLast: true, to: campaign)
      try commands.start(campaign, CampaignStart([]))
    }
  }

  private func hold(_ cell: ArchivedCell, _ way: Way) async throws {
    switch way {
    case .promotion: try await stop(cell, lifted: false, version: 1)
    case .restore:
      for each in [tenant, quiet] {
        try await cell.directives.mark(each, .suspended(restore: "lost@2", since: .zero))
      }
    }
  }

  private func stop(_ cell: ArchivedCell, lifted: Bool, version: UInt64) async throws {
    try await cell.directives.apply(
      SendStop(
        scope: .cell, id: cell.id.rawValue, reason: "promoted", since: .zero, version: version,
        lifted: lifted), trace: "")
  }

  @Test func `who waits for a time to come is not opened for a stop of all sends`() {
    let (now, later) = (Timestamp(seconds: 100), Timestamp(seconds: 200))
    func isAsked(_ mark: RestoreMark?, _ due: Timestamp?, _ restore: String = "") -> Bool {
      SuspendedWork.isAsked(mark, nextDue: due, of: restore, by: now)
    }
    #expect(isAsked(nil, now) && !isAsked(nil, later) && !isAsked(nil, nil))
    let mark = RestoreMark.suspended(restore: "lost@2", since: now)
    #expect(isAsked(mark, later, "lost@2") && !isAsked(mark, nil, "lost@2"))
    #expect(!isAsked(mark, now) && !isAsked(mark, now, "lost@3") && !isAsked(nil, now, "lost@2"))
    #expect(!isAsked(.fork(since: now), now) && !isAsked(.fork(since: now), now, "lost@2"))
  }

  @Test(.timeLimit(.minutes(10)), arguments: Way.allCases)
  func `it is counted, told, released, and goes out once`(_ way: Way) async throws {
    try await inDirectory { directory in
      let cell = try await ArchivedCell("cell", in: directory, clock)
      try await hold(cell, way)
      try await fill(cell)
      let graph = CountingGraph()
      let worker = OutboxWorker(
        OutboxEnvironment(
          store: cell.engine, graph: GraphClient(configuration: .init(), transport: graph),
          sealer: sealer, gate: cell.directives, clock: clock, boot: LiveBootClock(), logger: log))
      async let running: Void = worker.run()
      worker.wake(tenant)
      while worker.load.active > 0 { await Task.yield() }
      #expect(graph.bodies.isEmpty)

      let work = SuspendedWork(
        engine: cell.engine, directives: cell.directives, clock: clock)
      let name = way == .promotion ? "" : "lost@2"
      let report = await work.count(name)
      let waiting = try #require(report.suspended.first)
      #expect(report.suspended.count == 1 && report.suspendedCount == 5)
      #expect(waiting.tenantID == tenant.rawValue && waiting.code == nil)
      #expect(waiting.messages == 2 && waiting.recipients == 3 && waiting.timers == 0)
      // Nobody else's release is meant.
      let others = await work.count(way == .promotion ? "lost@2" : "")
      #expect(others.suspended.isEmpty && others.suspendedCount == 0)
      let told = work.problems()
      #expect(told.map(\.code) == (way == .promotion ? [] : ["sends_suspended"]))
      #expect(told.allSatisfy { $0.detail.contains("lost@2") && $0.detail.hasPrefix("2 ") })

      switch way {
      case .promotion:
        try await stop(cell, lifted: true, version: 2)
        worker.sendsMayResume()
        worker.wake(tenant)
      case .restore:
        let restoration = TenantRestoration(
          service: cell.service, engine: cell.engine, directives: cell.directives,
          files: LiveFileSystem(), random: SeededRandomSource(seed: 3), clock: clock,
          dataDirectory: "\(directory)/cell", sealer: sealer, forget: { _ in },
          wake: { worker.wake($0) })
        #expect(try await restoration.releaseAll("lost@2") == 5)
        #expect(try await restoration.releaseAll("lost@2") == 0)
      }
      await graph.wait(for: 5)
      worker.stop()
      await running
      #expect(graph.bodies.count == 5 && Set(graph.bodies).count == 5)
      #expect(await work.count(name) == SuspendedReport([]))
      #expect(work.problems().isEmpty)
      await cell.close()
    }
  }
}

/// Takes everything, and tells how much that was.
private final class CountingGraph: GraphTransport {
  private let asked = Mutex<[[UInt8]]>([])
  private let requests: AsyncStream<Int>
  private let tell: AsyncStream<Int>.Continuation

  init() { (requests, tell) = AsyncStream.makeStream(of: Int.self) }

  var bodies: [[UInt8]] { asked.withLock { $0 } }

  func perform(_ request: GraphRequest) async throws(GraphTransportError) -> GraphResponse {
    let count = asked.withLock { asked in
      asked.append(request.body)
      return asked.count
    }
    tell.yield(count)
    return GraphResponse(
      status: 200, body: Array(#"{"messages":[{"id":"wamid.\#(count)"}]}"#.utf8))
  }

  func wait(for count: Int) async {
    for await seen in requests where seen >= count { return }
  }
}
