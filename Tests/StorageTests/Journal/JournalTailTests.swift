import Platform
import Simulation
import Testing
import Wire

@testable import Storage

@Suite("Journal tail") struct JournalTailTests {
  private let bench = JournalBench(segmentBytes: 4096)

  private func open() throws -> Journal {
    try Journal.openStepped(
      bench.configuration, files: bench.disk.fileSystem(), applied: { [:] },
      fatal: { Issue.record("fatal: \($0)") }
    ).journal
  }

  private func append(_ journal: Journal, _ count: Int, size: Int = 300) throws {
    for number in 0..<count {
      journal.append(try bench.record("t\(number % 3)", size: size)) { outcome in
        if case .durable = outcome { return }
        Issue.record("\(outcome)")
      }
      journal.step()
    }
  }

  private func all(_ tail: inout JournalTail) throws -> [DurableGroup] {
    var groups: [DurableGroup] = []
    while let group = try tail.available() { groups.append(group) }
    return groups
  }

  @Test func `groups come whole and in order, over segments, while the journal is written`() throws
  {
    let journal = try open()
    var tail = journal.tail(.afterGroup(0), .onThisDisk)
    let none = try tail.available()
    #expect(none == nil)
    var groups: [DurableGroup] = []
    for _ in 0..<10 {
      try append(journal, 4)
      groups += try all(&tail)
    }
    let seals = groups.filter(\.isSeal)
    #expect(!seals.isEmpty)
    #expect(groups.map(\.number) == Array(1...UInt64(groups.count)))
    #expect(groups.last?.lastSeq == journal.lastSeq)
    var hash = SHA256Hash.zero
    var seq = CellSeq(0)
    for group in groups {
      #expect(group.previousHash == hash)
      #expect(group.firstSeq == seq.next)
      // The bytes alone say the same.
      let decoded = try DurableGroup(decoding: group.bytes)
      #expect(decoded == group)
      for record in try group.records() {
        seq = seq.next
        #expect(record.position.cellSeq == seq)
      }
      #expect(group.lastSeq == seq)
      hash = group.hash
    }
    tail.close()
    journal.close()
  }

  @Test func `it begins behind any group and with any position`() throws {
    let journal = try open()
    try append(journal, 40)
    var tail = journal.tail(.afterGroup(0), .onThisDisk)
    let groups = try all(&tail)
    for group in groups {
      var after = journal.tail(.afterGroup(group.number), .onThisDisk)
      let rest = try all(&after)
      #expect(rest == groups.filter { $0.number > group.number })
      after.close()
    }
    for seq in 1...41 {
      var from = journal.tail(.from(CellSeq(UInt64(seq))), .onThisDisk)
      let records = try all(&from).flatMap { try $0.records() }.map(\.position.cellSeq.rawValue)
      #expect(records == (0...40).filter { $0 >= seq }.map(UInt64.init))
      from.close()
    }
    tail.close()
    journal.close()
  }

  @Test func `a group that is too large for who asks stays the next`() throws {
    let journal = try open()
    try append(journal, 1, size: 300)
    try append(journal, 1, size: 1_500)
    try append(journal, 1, size: 300)
    var tail = journal.tail(.afterGroup(0), .onThisDisk)
    let first = try tail.available(upTo: 1_000)
    let behind = tail.bytesBehind
    let none = try tail.available(upTo: 1_000)
    #expect(first?.number == 1 && none == nil && tail.bytesBehind == behind)
    let second = try tail.available()
    let third = try tail.available(upTo: 1_000)
    #expect(second?.number == 2 && third?.number == 3)
    tail.close()
    journal.close()
  }

  @Test func `what is not durable is not seen`() throws {
    let journal = try open()
    try append(journal, 1)
    bench.disk.inject(SimulatedDisk.Fault(.write, call: 1, .error(5)))
    let answers = Answers()
    journal.append(try bench.record("t0")) { answers.add($0) }
    journal.step()
    #expect(answers.all == [.cut])
    var tail = journal.tail(.afterGroup(0), .onThisDisk)
    let seen = try all(&tail)
    #expect(seen.map(\.lastSeq) == [CellSeq(1)])
    tail.close()
    journal.close()
  }

  @Test func `who waits is woken by the next group, and by the end`() async throws {
    let journal = try open()
    let groups = Task {
      var tail = journal.tail(.afterGroup(0), .inItsMode)
      var seqs: [CellSeq] = []
      while let group = try await tail.next() { seqs.append(group.lastSeq) }
      tail.close()
      return seqs
    }
    try append(journal, 3)
    _ = await journal.modeMark.wait(past: 2)
    journal.close()
    let seqs = try await groups.value
    #expect([CellSeq(1), CellSeq(2), CellSeq(3)].starts(with: seqs))
  }

  @Test func `a cancelled wait ends`() async throws {
    let journal = try open()
    let waiting = Task {
      var tail = journal.tail(.afterGroup(0), .onThisDisk)
      return try await tail.next()
    }
    waiting.cancel()
    let answer = try await waiting.value
    #expect(answer == nil)
    journal.close()
  }

  @Test func `a byte that was changed on the disk is not sent`() throws {
    let journal = try open()
    try append(journal, 3)
    var tail = journal.tail(.afterGroup(0), .onThisDisk)
    let first = try #require(try tail.available())
    var bytes = first.bytes
    bytes[bytes.count / 2] ^= 1
    #expect(throws: JournalError.self) { _ = try DurableGroup(decoding: bytes) }
    #expect(throws: JournalError.self) { _ = try DurableGroup(decoding: Array(bytes.dropLast())) }
    tail.close()
    journal.close()
  }
}
