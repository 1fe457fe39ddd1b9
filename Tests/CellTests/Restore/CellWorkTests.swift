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

  @Test func `a count takes no work's place, one at a time, and is joined by who asks again`()
    async throws
  {
    let clock = Mutex<UInt64>(1)
    let work = CellWork(
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      nanoseconds: { clock.withLock { $0 } })
    let running = Task { await work.run() }
    defer { running.cancel() }
    let isOver = Mutex(false)
    @Sendable func wait() async throws {
      while !isOver.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(1)) }
    }
    for number in 0..<CellLimits.workInFlight {
      _ = try work.ask("restore \(number)") { _ in
        try await wait()
        return ""
      }
    }
    let counted = Mutex(0)
    func ask(_ operation: String) throws(Failure) -> Aimstors_ProtoCellWorkStatus {
      try work.ask(operation, as: .count) { _ in
        try await wait()
        return counted.withLock { counted in
          counted += 1
          return "\(counted)"
        }
      }
    }
    func result() async throws -> String {
      var status = try ask("one")
      while status.state == "running" {
        await Task.yield()
        status = try ask("one")
      }
      return status.result
    }
    #expect(try ask("one").state == "running")
    #expect(try ask("one").state == "running")
    do {
      _ = try ask("another")
      Issue.record("two at once")
    } catch { #expect(error.code == .overloaded) }
    isOver.withLock { $0 = true }
    #expect(try await result() == "1")
    // A moment later it is answered again; then it is counted anew.
    clock.withLock { $0 += CellLimits.countKeptNanoseconds - 1 }
    #expect(try await result() == "1")
    clock.withLock { $0 += 1 }
    #expect(try await result() == "2")
  }
}
