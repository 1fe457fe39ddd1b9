import Foundation
import Testing
import Wire

@testable import aimstors

@Suite("What a restored control plane's archive lacked") struct StoreGapTests {
  private func inDirectory(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "aimstors-store-gap-\(UUID().uuidString)"
    try PrivateFile.createDirectory(path)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  @Test func `it is told, also by the next process, until its file is removed`() throws {
    try inDirectory { directory in
      #expect(StoreGap(directory: directory).problem == nil)
      let at = Timestamp(milliseconds: 1_700_000_000_000)
      try StoreGap(directory: directory).note(CellSeq(7)...CellSeq(12), at: at)
      let problem = try #require(StoreGap(directory: directory).problem)
      #expect(problem.code == "control_plane_gap" && problem.since == at)
      #expect(problem.runbook == "docs/runbooks/control-plane-lost.md")
      #expect(problem.detail.contains("7 to 12"), "\(problem.detail)")
      #expect(problem.detail.contains("remove \(directory)/journal-gap.json"))
      try FileManager.default.removeItem(atPath: directory + "/" + StoreGap.name)
      #expect(StoreGap(directory: directory).problem == nil)
    }
  }

  @Test func `a file that says nothing is told all the same`() throws {
    try inDirectory { directory in
      try PrivateFile.write(Array("{".utf8), to: directory + "/" + StoreGap.name)
      #expect(StoreGap(directory: directory).problem?.code == "control_plane_gap")
    }
  }
}
