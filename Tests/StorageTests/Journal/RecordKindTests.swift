import Testing
import Wire

@testable import Storage

@Suite("Record kinds") struct RecordKindTests {
  /// As a reader that keeps only the last word has it.
  private func hasLeft(_ kinds: [RecordKind]) -> Bool {
    kinds.reduce(false) { $1.leaves ?? $0 }
  }

  @Test func `a tenant is another cell's behind a release, a refusal and an import only`() {
    #expect(!hasLeft([.create, .commands, .begin, .burn, .commands]))
    #expect(hasLeft([.create, .commands, .begin, .release]))
    #expect(hasLeft([.import, .commands, .ready]))
    #expect(hasLeft([.import, .ready, .refuse]))
    #expect(!hasLeft([.import, .ready, .adopt, .commands]))
    #expect(!hasLeft([.create, .begin, .release, .import, .ready, .adopt]))
    #expect(!hasLeft([.release, .restore, .commands]))
  }
}
