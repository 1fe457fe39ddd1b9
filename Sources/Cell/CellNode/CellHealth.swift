import Archive
import Edge
import Platform
import Storage
import Synchronization
import Wire

/// What is wrong with this cell, and since when.
final class CellHealth: Sendable {
  private enum Life { case recovering, serving, stopping }
  private struct State {
    var life = Life.recovering
    var lowSince: Timestamp?
  }

  private let configuration: CellConfiguration
  private let engine: StorageEngine
  private let sweep: TenantSweep
  private let archive: ArchiveService?
  private let recovery: CellRecovery?
  private let files: any FileSystem
  private let moves: MoveProblems
  private let suspended: SuspendedWork
  private let clock: any WallClock
  let startedAt: Timestamp
  private let state = Mutex(State())

  init(
    configuration: CellConfiguration, engine: StorageEngine, sweep: TenantSweep,
    archive: ArchiveService?, recovery: CellRecovery? = nil, files: any FileSystem,
    moves: MoveProblems, suspended: SuspendedWork, clock: any WallClock
  ) {
    self.moves = moves
    self.suspended = suspended
    self.archive = archive
    self.recovery = recovery
    self.configuration = configuration
    self.engine = engine
    self.sweep = sweep
    self.files = files
    self.clock = clock
    startedAt = Timestamp(milliseconds: clock.milliseconds())
  }

  func recovered() { state.withLock { $0.life = .serving } }

  /// Since when the oldest work of any outbox has been due; nil where none is.
  ///
  /// From the tenants' heads: no file is opened for it.
  var oldestDue: Timestamp? {
    let now = Timestamp(milliseconds: clock.milliseconds())
    return engine.firstDue.flatMap { $0 < now ? $0 : nil }
  }

  func stopping() { state.withLock { $0.life = .stopping } }

  /// 0 where the file system does not say.
  var diskFreeBytes: UInt64 { (try? files.freeBytes(configuration.dataDirectory)) ?? 0 }

  /// As the last look at the disk left it: ``problems()`` looks.
  var isReady: Bool { state.withLock { $0.life == .serving && $0.lowSince == nil } }

  func problems() -> [Storage.Problem] {
    let now = Timestamp(milliseconds: clock.milliseconds())
    let free = diskFreeBytes
    let low = free < CellLimits.diskReserveBytes
    let (life, lowSince) = state.withLock { state in
      state.lowSince = low ? state.lowSince ?? now : nil
      return (state.life, state.lowSince)
    }
    var problems =
      engine.problems + sweep.problems() + moves.all + (recovery?.problems() ?? [])
      + suspended.problems()
    for found in archive?.problems ?? [] {
      problems.append(
        Storage.Problem(
          code: found.code, since: found.since, runbook: found.runbook, tenant: nil,
          detail: found.detail))
    }
    for found in configuration.watch?.problems() ?? [] {
      problems.append(
        Storage.Problem(
          code: found.code, since: found.since, runbook: found.runbook, tenant: nil,
          detail: found.detail))
    }
    if life == .recovering {
      let waits = configuration.replication == nil ? "" : ", or a follower is waited for"
      problems.append(
        problem("recovering", since: startedAt, "the journal is being replayed" + waits))
    }
    if let lowSince {
      problems.append(
        problem("disk_low", since: lowSince, "\(free) bytes are free for the journal"))
    }
    return problems
  }

  /// Ready: recovered, not stopping, and with room for the journal.
  ///
  /// A control plane that is away is a problem to show, not a reason to take no requests.
  func report(_ link: ControlPlaneLink) -> HealthReport {
    var problems = problems()
    if let trouble = link.trouble {
      problems.append(problem(trouble.code, since: trouble.since, "\(trouble.failure)"))
    } else if !link.isJoined {
      problems.append(
        problem("control_plane_unreachable", since: startedAt, "the cell has not joined yet"))
    }
    return HealthReport(
      role: "cell", id: configuration.id.rawValue, version: configuration.version, ready: isReady,
      problems: problems.map {
        .init(
          code: $0.code, since: $0.since, runbook: $0.runbook, detail: $0.detail,
          tenant: $0.tenant?.rawValue)
      })
  }

  private func problem(_ code: String, since: Timestamp, _ detail: String) -> Storage.Problem {
    Storage.Problem(
      code: code, since: since, runbook: Runbook.page(code), tenant: nil, detail: detail)
  }
}
