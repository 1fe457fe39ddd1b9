import Archive
import Synchronization
import Testing
import Wire

@testable import Cell

@Suite("Patience with the archive") struct ArchivePatienceTests {
  private struct Other: Error {}

  /// The attempts that were made, and what came of the last one.
  private func attempts(
    failing: Int, with error: any Error
  ) async -> (attempts: Int, isDone: Bool) {
    let made = Mutex(0)
    let isDone = try? await ArchivePatience(pause: .milliseconds(1))() {
      let number = made.withLock { made in
        made += 1
        return made
      }
      if number <= failing { throw error }
      return true
    }
    return (made.withLock { $0 }, isDone ?? false)
  }

  @Test func `a blip is outlived, an archive that stays away is not`() async {
    let away = ArchiveError.unreachable("for once")
    #expect(await attempts(failing: 2, with: away) == (3, true))
    #expect(
      await attempts(failing: .max, with: away) == (ArchivePatience.attempts, false))
  }

  @Test func `what does not pass is not tried again`() async {
    #expect(await attempts(failing: 1, with: Other()) == (1, false))
    #expect(await attempts(failing: 1, with: ArchiveError.incomplete("a hole")) == (1, false))
  }
}
