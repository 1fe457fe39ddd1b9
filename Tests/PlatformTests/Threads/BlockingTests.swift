import Foundation
import Platform
import Testing

@Suite struct BlockingTests {
  #if os(Linux)
    @Test("a background body stands behind the others, and nobody after it")
    func background() async throws {
      let before = try await Blocking.run("ordinary") { Self.niceness() }.get()
      let behind = try await Blocking.run("behind", as: .background) { Self.niceness() }.get()
      let after = try await Blocking.run("ordinary") { Self.niceness() }.get()
      #expect(behind == max(before, OwnThread.stepsBack))
      #expect(after == before)
    }

    /// The calling thread's, which `getpriority` answers for a `who` of 0.
    private static func niceness() -> Int32 { getpriority(Int32(PRIO_PROCESS.rawValue), 0) }
  #endif

  @Test("a body's error is the caller's")
  func failure() async {
    struct Trouble: Error {}
    await #expect(throws: Trouble.self) {
      try await Blocking.run("trouble", as: .background) { throw Trouble() }.get()
    }
  }
}
