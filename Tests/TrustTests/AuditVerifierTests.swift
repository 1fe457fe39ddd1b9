import Cryptography
import Testing
import Trust
import Wire

@Suite("Audit export and verification") struct AuditVerifierTests {
  private let key = SigningKey(seed: [UInt8](repeating: 1, count: 32))
  private let witness = SigningKey(seed: [UInt8](repeating: 2, count: 32))
  private let origin = Checkpoint.origin(ofTenant: "t1")

  private func events(_ count: Int64, note: String = "") -> [AuditEvent] {
    (0..<count).map { index in
      AuditEvent(
        sequence: index, at: Timestamp(seconds: 1_000 + index), action: "api_key.create",
        actor: .init(
          .user, "usr_1", session: "ses_1", impersonatedBy: index == 3 ? "opr_1" : nil),
        subject: "key_\(index)", detail: [.init("name", "say \"hi\"\n\u{1}é \(note)")],
        address: "192.0.2.1", traceID: "ab")
    }
  }

  private func checkpoint(_ events: [AuditEvent], witnessed: Bool = true) -> Checkpoint {
    var tree = GrowingTree()
    for event in events { tree.append(leaf: MerkleTree.leaf(event.json)) }
    let own = Checkpoint(origin: origin, size: tree.size, root: tree.root)
      .signed(origin, by: key)
    return witnessed ? own.signed(Checkpoint.witnessName, by: witness) : own
  }

  private func fault(
    _ lines: [[UInt8]], held: [Checkpoint] = [], witnessed: Bool = true, allowsTail: Bool = false
  ) -> AuditVerifier.Fault? {
    do throws(AuditVerifier.Finding) {
      var verifier = AuditVerifier(
        key: key.verifying, witness: witnessed ? witness.verifying : nil, held: held,
        allowsTail: allowsTail)
      for line in lines { try verifier.take(line) }
      _ = try verifier.verdict()
      return nil
    } catch { return error.fault }
  }

  private func file(_ events: [AuditEvent], _ checkpoints: [Checkpoint]) -> [[UInt8]] {
    checkpoints.map { AuditExport.line($0) } + events.map { AuditExport.line($0) }
  }

  @Test func `an event and a checkpoint are read as they were written`() throws {
    for event in events(5) { #expect(AuditEvent(json: event.json) == event) }
    let made = checkpoint(events(5))
    #expect(Checkpoint(made.text) == made)
    #expect(made.isSigned(origin, by: key.verifying))
    #expect(!made.isSigned(origin, by: witness.verifying))
    #expect(Checkpoint("") == nil && Checkpoint(made.text + "x\n") == nil)
    #expect(Checkpoint(made.text.replacing("\n5\n", with: "\n05\n")) == nil)
  }

  @Test func `a line shows what its entry says, in OCSF's names`() throws {
    let line = try JSONTape(AuditExport.line(events(4)[3])).root
    #expect(line["class_uid"]?.integer == 6003 && line["type_uid"]?.integer == 600_301)
    #expect(line["severity_id"]?.integer == 3 && line["status_id"]?.integer == 1)
    #expect(line["metadata"]?["sequence"]?.integer == 3)
    #expect(line["metadata"]?["correlation_uid"]?.string == "ab")
    #expect(line["actor"]?["user"]?["uid"]?.string == "usr_1")
    #expect(line["actor"]?["session"]?["uid"]?.string == "ses_1")
    #expect(line["actor"]?["invoked_by"]?.string == "opr_1")
    #expect(line["api"]?["operation"]?.string == "api_key.create")
    #expect(line["src_endpoint"]?["ip"]?.string == "192.0.2.1")
    #expect(line["raw_data"]?.string.map { Array($0.utf8) } == events(4)[3].json)
    let bare = AuditEvent(
      action: "x", actor: .init(.anonymous, ""), subject: "", outcome: .refused)
    let other = try JSONTape(AuditExport.line(bare)).root
    #expect(other["activity_id"]?.integer == 99 && other["status_id"]?.integer == 2)
    #expect(other["src_endpoint"] == nil && other["actor"]?["session"] == nil)
  }

  @Test func `what is no entry is exported, and does not verify`() {
    let body = events(1)[0].json
    for index in body.indices {
      // A byte less, wherever it was: of digits and letters another entry is left.
      var cut = body
      cut.remove(at: index)
      if case .wrong(.malformedLine, _) = AuditLine(AuditExport.line(entry: cut)) { continue }
      #expect(AuditEvent(json: cut) != nil, "\(String(decoding: cut, as: UTF8.self))")
    }
    for text in ["", "{}", "x", "{\"sequence\":01", "\u{0}"] {
      #expect(
        AuditLine(AuditExport.line(entry: Array(text.utf8)))
          == .wrong(.malformedLine, "holds no entry"))
    }
  }

  @Test func `a whole log is right, and so is one that grew since its checkpoint`() throws {
    let all = events(20)
    let early = checkpoint(Array(all.prefix(7)))
    #expect(fault(file(all, [early, checkpoint(all)])) == nil)
    for (checkpoints, held) in [([early], []), ([], [early])] {
      let lines = file(all, checkpoints)
      #expect(fault(lines, held: held) == .unsignedTail, "a line with the newest may be missing")
      #expect(fault(lines, held: held, allowsTail: true) == nil)
    }
    #expect(fault(file([], [checkpoint([])])) == nil)
  }

  @Test func `whatever was done to it shows`() {
    let all = events(20)
    let signed = checkpoint(all)
    var edited = all
    edited[4] = AuditEvent(
      sequence: 4, at: all[4].at, action: "api_key.create", actor: all[4].actor, subject: "key_x")
    #expect(fault(file(edited, [signed])) == .rootDiffers, "edited")
    #expect(fault(file(Array(all.dropLast()), [signed])) == .truncated, "tail cut")
    #expect(fault(file([], [signed])) == .truncated, "all removed")
    #expect(fault(file(all, [])) == .noCheckpoint, "nothing to compare with")
    var swapped = all
    swapped.swapAt(2, 3)
    #expect(fault(file(swapped, [signed])) == .sequenceBroken, "reordered")
    var gone = all
    gone.remove(at: 6)
    #expect(fault(file(gone, [signed])) == .sequenceBroken, "deleted")
    let renumbered = gone.enumerated().map { index, event in
      var event = event
      event.sequence = Int64(index)
      return event
    }
    #expect(fault(file(renumbered, [checkpoint(Array(all.prefix(10)))])) == .rootDiffers)
    // What people read is compared with what was signed.
    var lines = file(all, [signed])
    let shown = String(decoding: lines[5], as: UTF8.self)
    lines[5] = Array(shown.replacing("\"uid\":\"usr_1\"", with: "\"uid\":\"usr_2\"").utf8)
    #expect(fault(lines) == .lineDiffers)
    lines[5] = Array("{}".utf8)
    #expect(fault(lines) == .malformedLine)
  }

  @Test func `a rewrite by somebody who has the log's key fails at the witness`() {
    let all = events(20)
    let rewritten = events(20, note: "forged")
    let forged = checkpoint(rewritten, witnessed: false)
    #expect(fault(file(rewritten, [forged]), witnessed: false) == nil, "the log's key says so")
    #expect(fault(file(rewritten, [forged])) == .notWitnessed)
    let kept = checkpoint(Array(all.prefix(10)))
    #expect(fault(file(rewritten, [forged]), held: [kept]) == .rootDiffers)
    let other = Checkpoint(origin: "aimstors/audit/t2", size: 0, root: MerkleTree.emptyRoot)
      .signed("aimstors/audit/t2", by: key)
    #expect(fault(file(all, [checkpoint(all), other])) == .otherLog)
    // The witness signs every tenant's log: its word alone is not that of this one.
    let foreign = Checkpoint(origin: origin, size: 20, root: checkpoint(all).root)
      .signed(Checkpoint.witnessName, by: witness)
    #expect(fault(file(all, [foreign])) == .notSigned)
    let unsigned = Checkpoint(origin: origin, size: 0, root: MerkleTree.emptyRoot)
    #expect(fault(file(all, [checkpoint(all), unsigned])) == .notSigned)
  }
}
