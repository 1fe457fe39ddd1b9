import Messaging
import Simulation
import Synchronization
import Testing
import Wire

@testable import ControlPlane

/// A cell with one follower that the register names, both having reported.
struct ReplicaPair {
  var deployment: Deployment
  let cell: FakeCell
  let follower: InMemoryMessenger
  let followerAddress: Address
  let told: Told

  /// Under which generations a follower was told to become the primary.
  final class Told: Sendable {
    private let generations = Mutex<[UInt64]>([])

    var all: [UInt64] { generations.withLock { $0 } }

    /// Takes a control plane's order; refuses everything else.
    func take(_ request: IncomingRequest) throws(Failure) -> [UInt8] {
      guard request.method == .replicaPromote, request.peer.role == .controlPlane,
        let order = try? Aimstors_ProtoReplicaPromote(serializedBytes: request.payload)
      else { throw Failure(.forbidden, "not asked here") }
      generations.withLock { $0.append(order.generation) }
      return []
    }
  }

  init(isMixed: Bool = false, isPromotable: Bool = true) async throws {
    deployment = try await Deployment()
    cell = try await deployment.cell("cell-1")
    follower = InMemoryMessenger(
      identity: PeerIdentity(role: .follower, id: "cell-1-b", generation: .first),
      network: deployment.network)
    let told = Told()
    self.told = told
    followerAddress = try await follower.listen(at: Address("tcp://cell-1-b:0")) {
      (request) async throws(Failure) -> [UInt8] in try told.take(request)
    }
    let register = try await report(cell.messenger, "cell-1", isPrimary: true, isMixed: isMixed)
    _ = try await report(follower, "cell-1-b", isPrimary: false, isMixed: false)
    if isPromotable {
      _ = try await change("add", version: register.version)
    }
  }

  @discardableResult
  func report(
    _ messenger: InMemoryMessenger, _ replica: String, isPrimary: Bool, isMixed: Bool,
    generation: UInt64 = 1, problems: [Aimstors_ProtoProblem] = [], through: UInt64 = 0,
    claimed: UInt64 = 0
  ) async throws -> Aimstors_ProtoCellRegister {
    var report = Aimstors_ProtoReplicaReport()
    report.cell = "cell-1"
    report.replica = replica
    report.generation = generation
    report.address = replica == "cell-1" ? cell.address.url : followerAddress.url
    report.isPrimary = isPrimary
    report.isMixed = isMixed
    report.problems = problems
    report.end.seq = through
    report.claimed = claimed
    return try await ask(messenger, .replicaReport, try report.serializedBytes())
  }

  /// The follower says how far its disk goes.
  func says(_ seq: UInt64) async throws {
    _ = try await report(follower, "cell-1-b", isPrimary: false, isMixed: false, through: seq)
  }

  func change(
    _ change: String, version: UInt64, generation: UInt64 = 1, follower: String = "cell-1-b"
  ) async throws -> Aimstors_ProtoCellRegister {
    var request = Aimstors_ProtoRegisterChange()
    request.cell = "cell-1"
    request.replica = "cell-1"
    request.generation = generation
    request.version = version
    request.change = change
    request.follower = follower
    return try await ask(cell.messenger, .registerChange, try request.serializedBytes())
  }

  private func ask(
    _ messenger: InMemoryMessenger, _ method: WireMethod, _ payload: [UInt8]
  ) async throws -> Aimstors_ProtoCellRegister {
    do {
      let bytes = try await messenger.peer(at: deployment.control).request(
        method, payload, timeout: Deployment.patience, traceID: "")
      return try Aimstors_ProtoCellRegister(serializedBytes: bytes)
    } catch MessagingError.refused(let failure) {
      throw failure
    }
  }

  /// The follower has become the cell: it reports, joins and is heard as its next generation.
  func serve(as generation: UInt64 = 2) async throws {
    var report = Aimstors_ProtoReplicaReport()
    report.cell = "cell-1"
    report.replica = "cell-1-b"
    report.generation = generation
    report.address = cell.address.url
    report.isPrimary = true
    _ = try await ask(follower, .replicaReport, try report.serializedBytes())
    _ = try await cell.join(
      deployment.control, credential: cell.credential, generation: generation)
    try await cell.heartbeat(deployment.control, generation: generation)
  }

  /// What the status says of sends that wait.
  func told() async throws -> [String] {
    let status = try await deployment.admin("GET", "/v1/status").root()
    let problems = status["problems"].map { Array($0.elements) } ?? []
    return problems.filter { $0["code"]?.string == "sends_suspended" }
      .compactMap { $0["detail"]?.string }
  }

  func promote(_ body: String = "", key: String = "promote") async throws -> Answer {
    try await deployment.admin("POST", "/v1/cells/cell-1/promote", body, key: key)
  }
}
