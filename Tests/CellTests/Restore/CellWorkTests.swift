import Logging
import Storage
import Synchronization
import Testing
import Wire

@testable import Cell

@Suite("Long work of a cell") struct CellWorkTests {
  /// Moves that were released to a cell that is lost end when their tenants are brought back, which
  /// is work, too.
  @Test func `who waits for another cell takes nobody's place`() async throws {
    let work = CellWork(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let running = Task { await work.run() }
    defer { running.cancel() }
    let over = Mutex(false)
    @Sendable func wait() async throws {
      while !over.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(1)) }
    }
    for number in 0..<CellLimits.workInFlight {
      _ = try work.ask("move \(number)") { progress in
        progress.step("adopt")
        progress.waits()
        try await wait()
        return "moved"
      }
    }
    for number in 0..<CellLimits.workInFlight {
      let name = "move \(number)"
      while try work.ask(name, { _ in "" }).step != "adopt" { await Task.yield() }
    }
    // As many again, and no more of those that do not wait.
    for number in 0..<CellLimits.workInFlight {
      _ = try work.ask("spread \(number)") { _ in
        try await wait()
        return "back"
      }
    }
    do {
      _ = try work.ask("one more") { _ in "" }
      Issue.record("it was begun")
    } catch { #expect(error.code == .overloaded) }
    over.withLock { $0 = true }
  }
}
