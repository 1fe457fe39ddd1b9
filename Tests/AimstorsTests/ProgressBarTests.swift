import GraphSimulator
import Testing

@testable import aimstors

@Suite struct ProgressBarTests {
  private func line(_ done: Int, _ total: Int, _ unit: String, _ step: String = "copy") -> String {
    let progress: JSON = ["done": JSON(done), "total": JSON(total), "unit": JSON(unit)]
    return ProgressBar.line(["step": JSON(step), "progress": progress])
  }

  private func filled(_ line: String) -> Int { line.count { $0 == "#" } }

  @Test func `a bar fills with what is done, never further`() {
    #expect(filled(line(0, 10, "tenants")) == 0)
    #expect(filled(line(5, 10, "tenants")) == ProgressBar.width / 2)
    #expect(filled(line(10, 10, "tenants")) == ProgressBar.width)
    #expect(filled(line(12, 10, "tenants")) == ProgressBar.width)
    #expect(line(5, 10, "tenants").hasSuffix("]  50 % copy, 5 of 10 tenants"))
  }

  @Test func `bytes are said as people say them`() {
    #expect(line(512_000_000, 1_024_000_000, "bytes").hasSuffix(" 50 % copy, 512 of 1024 MB"))
    #expect(line(300_000, 600_000, "bytes").hasSuffix(" 50 % copy, 300 of 600 kB"))
  }

  @Test func `where nobody knows how much there is, the step stands alone`() {
    #expect(line(0, 0, "bytes", "import").hasSuffix("] import".replacing("] ", with: "]       ")))
    #expect(ProgressBar.line([:]).hasPrefix("["))
  }
}
