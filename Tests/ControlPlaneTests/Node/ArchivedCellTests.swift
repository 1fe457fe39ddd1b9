import Messaging
import Testing
import Wire

@testable import ControlPlane

@Suite("A cell that only the archive names") struct ArchivedCellTests {
  private let late = CellID(trusted: "cell-late")

  /// A control plane from a copy that was made before the cell joined.
  private func deployment(_ generation: Generation = Generation(3)) async throws -> Deployment {
    let deployment = try await Deployment()
    _ = try await deployment.cell("cell-a")
    try await deployment.beginSurvey(archived: [late: generation])
    return deployment
  }

  private func order(
    _ verb: String, _ body: String, _ deployment: Deployment, key: String
  ) async throws -> Answer {
    try await deployment.admin("POST", "/v1/cells/cell-late/\(verb)", body, key: key)
  }

  private func code(_ body: () async throws -> Void) async -> FailureCode? {
    do {
      try await body()
      return nil
    } catch { return (error as? Failure)?.code }
  }

  @Test(arguments: [Generation(3), .ended])
  func `once it is no more, a machine of it that comes back is refused`(
    generation: Generation
  ) async throws {
    let deployment = try await deployment(generation)
    if generation < .ended {
      for isDry in [true, false] {
        let unstated = try await order(
          "retire", #"{"dry_run":\#(isDry)}"#, deployment, key: "unstated \(isDry)")
        #expect(try unstated.code() == "cell_unavailable", "\(unstated.raw)")
        let retired = try await order(
          "retire", #"{"old_is_dead":true,"dry_run":\#(isDry)}"#, deployment, key: "r \(isDry)")
        #expect(try retired.text("state") == (isDry ? "planned" : "succeeded"), "\(retired.raw)")
      }
    }
    let again = try await order("retire", #"{"old_is_dead":true}"#, deployment, key: "again")
    #expect(try again.code() == "already_done", "\(again.raw)")

    let machine = try await FakeCell.start("cell-late", on: deployment.network)
    let credential = deployment.node.services.secrets.credential(of: late)
    let token = try await deployment.joinToken()
    for (token, credential) in [("", credential), (token, "")] {
      let refused = await code {
        _ = try await machine.join(
          deployment.control, token: token, credential: credential, generation: 3)
      }
      #expect(refused == .generationFenced)
    }
    var report = Aimstors_ProtoReplicaReport()
    report.cell = "cell-late"
    report.replica = "cell-late"
    report.generation = 3
    report.isPrimary = true
    let bytes = try await machine.messenger.peer(at: deployment.control).request(
      .replicaReport, try report.serializedBytes(), timeout: Deployment.patience, traceID: "")
    let register = try Aimstors_ProtoCellRegister(serializedBytes: bytes)
    #expect(register.generation == Generation.ended.rawValue)
    // What has been said once is not asked again.
    try await deployment.beginSurvey(archived: [late: generation])
    let waiting = try await SurveyRounds.waiting(deployment.node.services.store)
    #expect(waiting == [CellID(trusted: "cell-a")])
  }

  @Test(arguments: [false, true])
  func `while a replica of it reports, nobody ends it`(isPrimary: Bool) async throws {
    let deployment = try await deployment()
    let name = isPrimary ? "cell-late" : "cell-late-b"
    let replica = InMemoryMessenger(
      identity: PeerIdentity(
        role: isPrimary ? .cell : .follower, id: name, generation: .first),
      network: deployment.network)
    var report = Aimstors_ProtoReplicaReport()
    report.cell = "cell-late"
    report.replica = name
    report.generation = 3
    report.isPrimary = isPrimary
    report.end.seq = 12
    _ = try? await replica.peer(at: deployment.control).request(
      .replicaReport, try report.serializedBytes(), timeout: Deployment.patience, traceID: "")
    for isDry in [true, false] {
      let refused = try await order(
        "retire", #"{"old_is_dead":true,"dry_run":\#(isDry)}"#, deployment, key: "heard \(isDry)")
      #expect(try refused.code() == "invalid_state", "\(refused.raw)")
      #expect(try refused.text("detail").contains(name), "\(refused.raw)")
    }
    let waiting = try await SurveyRounds.waiting(deployment.node.services.store)
    #expect(waiting?.contains(late) == true)
    // Silent, it is what the operator says it is.
    deployment.boot.advance(milliseconds: 60_000)
    let retired = try await order("retire", #"{"old_is_dead":true}"#, deployment, key: "silent")
    #expect(try retired.text("state") == "succeeded", "\(retired.raw)")
  }

  @Test func `the register of a known one that was spread since says so, too`() async throws {
    let pair = try await ReplicaPair()
    try await pair.deployment.beginSurvey(archived: [CellID(trusted: "cell-1"): .ended])
    let register = try await pair.report(
      pair.cell.messenger, "cell-1", isPrimary: true, isMixed: false)
    #expect(register.generation == Generation.ended.rawValue)
    #expect(register.promotable.isEmpty)
  }

  @Test(arguments: [false, true])
  func `nobody restores it, since nobody says which tenants it had`(isSpread: Bool) async throws {
    let deployment = try await deployment()
    for isDry in [true, false] {
      let body = #"{"old_is_dead":true,"spread":\#(isSpread),"dry_run":\#(isDry)}"#
      let refused = try await order("restore", body, deployment, key: "late \(isDry)")
      #expect(try refused.code() == "invalid_state", "\(refused.raw)")
      #expect(try refused.text("detail").contains("joined after"), "\(refused.raw)")
      let unknown = try await deployment.admin(
        "POST", "/v1/cells/cell-x/restore", body, key: "unknown \(isDry)")
      #expect(try unknown.code() == "not_found", "\(unknown.raw)")
    }
    let waiting = try await SurveyRounds.waiting(deployment.node.services.store)
    #expect(waiting?.contains(late) == true)
  }

  @Test func `its follower, named, takes over above every generation, and joins`() async throws {
    let deployment = try await deployment()
    let told = ReplicaPair.Told()
    let follower = InMemoryMessenger(
      identity: PeerIdentity(role: .follower, id: "cell-late-b", generation: .first),
      network: deployment.network)
    let address = try await follower.listen(at: Address("tcp://cell-late-b:0")) {
      (request) async throws(Failure) -> [UInt8] in try told.take(request)
    }
    var report = Aimstors_ProtoReplicaReport()
    report.cell = "cell-late"
    report.replica = "cell-late-b"
    report.generation = 4
    report.address = address.url
    report.end.seq = 12
    // Without a register the answer is a refusal; it is heard all the same.
    _ = try? await follower.peer(at: deployment.control).request(
      .replicaReport, try report.serializedBytes(), timeout: Deployment.patience, traceID: "")
    let unnamed = try await order("promote", #"{"old_is_dead":true}"#, deployment, key: "unnamed")
    #expect(try unnamed.code() == "recovering", "\(unnamed.raw)")
    for isDry in [true, false] {
      let answer = try await order(
        "promote", #"{"replica":"cell-late-b","old_is_dead":true,"dry_run":\#(isDry)}"#,
        deployment, key: "named \(isDry)")
      #expect(answer.status == 202, "\(answer.raw)")
      #expect(try answer.root()["result"]?["generation"]?.string == "5")
    }
    await deployment.node.promote()
    #expect(told.all == [5])
    // The old process is out; the new one is admitted, and asked like the others.
    let cell = try await FakeCell.start("cell-late", on: deployment.network)
    let credential = deployment.node.services.secrets.credential(of: late)
    let old = await code {
      _ = try await cell.join(deployment.control, credential: credential, generation: 4)
    }
    #expect(old == .generationFenced)
    _ = try await cell.join(deployment.control, credential: credential, generation: 5)
    let waiting = try await SurveyRounds.waiting(deployment.node.services.store)
    #expect(waiting?.contains(late) == true)
  }
}
