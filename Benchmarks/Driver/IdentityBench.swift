import ArgumentParser
import Cell
import Foundation
import Logging
import Platform
import Storage
import Wire

/// What identity and audit cost: a key's check, an audited command beside the same one without its
/// entry, proofs and the offline verification of a long log.
struct IdentityBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "identity", abstract: "Key checks, audit overhead, proofs, verification.")

  static let checks = 200_000
  static let tenants = 100
  static let callers = 64
  static let proofs = 500
  /// Entries of one command while a log is filled: a record holds 2 MiB.
  static let batch = 1_000

  @OptionGroup var repository: Repository
  @Option(help: "Entries of the log that is proved and verified.")
  var entries = 1_000_000

  func run() async throws {
    let directory = try Repository.temporaryDirectory("identity")
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let engine = try await Self.engine(directory + "/cell")
    try await verifyKeys(engine)
    try await overhead(engine)
    try await logs(engine, directory)
    await engine.close()
  }

  private static func engine(_ directory: String) async throws -> StorageEngine {
    var log = Logger(label: "bench")
    log.logLevel = .error
    let engine = StorageEngine(
      EngineConfiguration(directory: directory, cell: CellID(trusted: "bench")),
      clock: LiveWallClock(), random: LiveRandomSource(), files: LiveFileSystem(), log: log,
      schema: { CellNode.schema(of: $0) },
      fatal: { fatality in
        progress("fatal: \(fatality)")
        Foundation.exit(1)
      })
    _ = try await engine.start()
    return engine
  }

  // MARK: Keys

  private func verifyKeys(_ engine: StorageEngine) async throws {
    let tenant = TenantID(trusted: "tkeys")
    try await engine.create(tenant, epoch: .first)
    let store = CountingStore(engine)
    let probe = CellProbe(store: store)
    let made = await probe.admin(
      "POST", "/v1/tenants/\(tenant)/api-keys",
      #"{"name":"bench","scopes":["*"],"allow_cidrs":["198.51.100.0/24","2001:db8::/32"],"#
        + #""rate":{"per_second":1000000,"burst":1000000}}"#, tenant: tenant, key: "key")
    let answer = try? JSONSerialization.jsonObject(with: Data(made.body)) as? [String: Any]
    guard let key = answer?["key"] as? String else {
      throw BenchFailure("no key was made: \(String(decoding: made.body, as: UTF8.self))")
    }
    _ = try await probe.admits(key, from: "198.51.100.7")
    let reads = store.reads
    progress("identity: \(Self.checks) checks of a key")
    var times: [Double] = []
    for _ in 0..<repository.repetitions {
      let clock = ContinuousClock()
      let began = clock.now
      for _ in 0..<Self.checks {
        guard try await probe.admits(key, from: "198.51.100.7") else {
          throw BenchFailure("a key was refused")
        }
      }
      times.append((clock.now - began) / .microseconds(1) / Double(Self.checks))
    }
    let later = store.reads - reads
    guard later == 0 else { throw BenchFailure("\(later) reads after the first use of a key") }
    Row(
      name: "identity.key_verify_us", value: median(times), unit: "µs", baseline: 50,
      facts: [
        "operations": Self.checks * repository.repetitions, "callers": 1,
        "reads_after_first_use": later, "against": "the bar of 50 µs",
      ]
    ).write()
  }

  // MARK: What an entry costs

  private func overhead(_ engine: StorageEngine) async throws {
    let ids = (0..<Self.tenants).map { TenantID(trusted: "t\($0)") }
    for tenant in ids { try await engine.create(tenant, epoch: .first) }
    let probes = [CellProbe(store: engine, audits: false), CellProbe(store: engine)]
    var rates: [[Double]] = []
    for repetition in 1...repository.repetitions {
      progress("identity \(repetition)/\(repository.repetitions): top-ups with and without audit")
      rates.append(
        try await Callers.rates(Self.callers, seconds: repository.seconds) { way, caller, turn in
          let tenant = ids[(caller * 37 + turn * 7) % Self.tenants]
          let key = "\(repetition)-\(caller)-\(turn)"
          let answer = await probes[way].admin(
            "POST", "/v1/tenants/\(tenant)/wallet/top-ups",
            #"{"amount_micros":1000000,"currency":"USD","reference":"\#(key)"}"#,
            tenant: tenant, key: key)
          guard answer.status == 201 else {
            throw BenchFailure(
              "a top-up was answered \(answer.status): "
                + String(decoding: answer.body, as: UTF8.self))
          }
        })
    }
    let (without, with) = (median(rates.map { $0[0] }), median(rates.map { $0[1] }))
    Row(
      name: "identity.audit_overhead_percent",
      value: with == 0 ? 0 : (without / with - 1) * 100, unit: "%", baseline: 10,
      facts: [
        "with_audit_per_second": with.rounded(), "without_audit_per_second": without.rounded(),
        "callers": Self.callers, "tenants": Self.tenants, "seconds": repository.seconds,
        "command": "POST wallet/top-ups through the cell's routes, in slices of 250 ms",
        "against": "the bar of 10 %",
      ]
    ).write()
  }

  // MARK: A long log

  private func logs(_ engine: StorageEngine, _ directory: String) async throws {
    let tenant = TenantID(trusted: "tlog")
    try await engine.create(tenant, epoch: .first)
    let probe = CellProbe(store: engine)
    progress("identity: filling a log of \(entries) entries")
    var first = 0
    while first < entries {
      let end = min(first + Self.batch, entries)
      try await probe.fillAuditLog(of: tenant, entries: first..<end)
      first = end
    }
    try await prove(probe, tenant)
    try await verify(probe, tenant, directory)
  }

  private func prove(_ probe: CellProbe, _ tenant: TenantID) async throws {
    progress("identity: \(Self.proofs) proofs of each kind")
    var times: [Double] = []
    let clock = ContinuousClock()
    for index in 0..<Self.proofs {
      let entry = Int64(index * 7_919 % entries)
      let old = Int64((index * 104_729 + 1) % entries) + 1
      let began = clock.now
      let proof = try await probe.prove(tenant, entry: entry, since: min(old, Int64(entries)))
      // Both, with three roots: what an auditor asks for at most.
      times.append((clock.now - began) / .milliseconds(1))
      guard proof.inclusion, proof.consistency else { throw BenchFailure("a proof fails") }
    }
    times.sort()
    Row(
      name: "identity.proof_ms", value: percentile(times, 0.99), unit: "ms", baseline: 5,
      facts: [
        "entries": entries, "operations": Self.proofs, "median_ms": median(times),
        "what": "p99 of inclusion, consistency and their roots together",
        "against": "the bar of 5 ms",
      ]
    ).write()
  }

  private func verify(_ probe: CellProbe, _ tenant: TenantID, _ directory: String) async throws {
    let file = directory + "/export.ndjson"
    guard FileManager.default.createFile(atPath: file, contents: nil),
      let handle = FileHandle(forWritingAtPath: file)
    else { throw BenchFailure("\(file) cannot be written") }
    progress("identity: exporting it")
    var from = 0
    while true {
      let page = await probe.admin(
        "GET", "/v1/tenants/\(tenant)/audit/export?from=\(from)&to=\(entries + 1)", "",
        tenant: tenant, key: "e")
      guard page.status == 200 else { throw BenchFailure("the export ended with \(page.status)") }
      guard !page.body.isEmpty else { break }
      handle.write(Data(page.body))
      from += 2_000
      if from > entries { break }
    }
    try handle.close()
    let bytes = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0
    progress("identity: verifying \(bytes) bytes")
    var times: [Double] = []
    var verdict: [String: Any] = [:]
    for _ in 0..<repository.repetitions {
      let clock = ContinuousClock()
      let began = clock.now
      let output = try Program.output(
        repository.binaries.appendingPathComponent("aimstors").path,
        ["audit", "verify", file, "--key", probe.auditKey(of: tenant), "--json"])
      times.append((clock.now - began) / .seconds(1))
      verdict = Program.objects(output).last ?? [:]
    }
    guard verdict["entries"] as? Int ?? 0 >= entries else {
      throw BenchFailure("the verification says \(verdict)")
    }
    Row(
      name: "identity.audit_verify_1m_s",
      value: median(times) * 1_000_000 / Double(entries), unit: "s", baseline: 10,
      facts: [
        "entries": entries, "file_bytes": bytes, "command": "aimstors audit verify",
        "measured_seconds": median(times), "against": "the bar of 10 s",
      ]
    ).write()
  }
}
