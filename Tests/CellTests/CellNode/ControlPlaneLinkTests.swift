import Logging
import Messaging
import Platform
import Simulation
import Storage
import Synchronization
import Testing
import Wire

@testable import Cell

/// A control plane that answers as it is told to.
private final class ToldPeer: Peer {
  let address = Address("test")
  let isConnected = true
  let answer: Mutex<MessagingError?>

  init(_ answer: MessagingError?) { self.answer = Mutex(answer) }

  func request(
    _ method: WireMethod, _ payload: [UInt8], timeout: Duration, traceID: String
  ) async throws(MessagingError) -> [UInt8] {
    if let error = answer.withLock({ $0 }) { throw error }
    return []
  }
}

/// Keeps what is logged.
private struct LogLines: LogHandler {
  final class Lines: Sendable {
    let all = Mutex<[String]>([])
  }
  let lines: Lines
  var metadata = Logger.Metadata()
  var logLevel = Logger.Level.info
  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }
  func log(event: LogEvent) {
    lines.all.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
  }
}

@Suite("Control plane link") struct ControlPlaneLinkTests {
  private let clock = SimulatedWallClock()
  private let lines = LogLines.Lines()

  private func link(_ peer: ToldPeer) throws -> ControlPlaneLink {
    let store = DirectTenants(
      schema: CellStoreSchema.schema, clock: clock, random: SeededRandomSource(seed: 1))
    try store.create(.cellStore)
    let lines = lines
    return ControlPlaneLink(
      peer: peer,
      directives: Directives(
        store: store, cell: CellID(trusted: "c"), region: RegionID(trusted: "r")),
      logger: Logger(label: "test") { _ in LogLines(lines: lines) })
  }

  private func tryToJoin(_ link: ControlPlaneLink) async {
    do { try await link.join(Aimstors_ProtoJoin()) } catch {
      link.report(error, at: Timestamp(milliseconds: clock.milliseconds()))
    }
  }

  @Test func `a refused join is told with its code, once, and shown until it ends`() async throws {
    let peer = ToldPeer(.refused(Failure(.forbidden, "the join token has been used")))
    let link = try link(peer)
    let began = Timestamp(milliseconds: clock.milliseconds())
    for _ in 0..<3 {
      await tryToJoin(link)
      clock.advance(milliseconds: 1_000)
    }
    #expect(link.trouble?.code == "join_refused")
    #expect(link.trouble?.since == began)
    #expect(link.trouble?.failure.detail == "the join token has been used")
    let said = lines.all.withLock { $0 }
    #expect(said.count == 1, "\(said)")
    #expect(said.first?.hasPrefix("error ") == true && said.first?.contains("forbidden") == true)

    // Another reason is another line, and another since.
    peer.answer.withLock { $0 = .deadlineExceeded(Address("test")) }
    await tryToJoin(link)
    #expect(link.trouble?.code == "control_plane_unreachable")
    #expect(link.trouble?.since == began.adding(seconds: 3))
    #expect(lines.all.withLock { $0.count } == 2)

    peer.answer.withLock { $0 = nil }
    await tryToJoin(link)
    #expect(link.isJoined && link.trouble == nil)
  }
}
