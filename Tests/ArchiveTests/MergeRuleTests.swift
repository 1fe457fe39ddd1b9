import Platform
import Simulation
import Testing
import Wire

@testable import Archive

@Suite struct MergeRuleTests {
  private let rule = MergeRule(bytes: 1_000, fewest: 4, most: 8)

  /// Neighbours of these sizes, one position each.
  private func objects(
    _ sizes: [UInt64], from first: UInt64 = 1, generation: Generation = .first
  ) -> [MergeRule.Object] {
    sizes.enumerated().map { index, bytes in
      let seq = CellSeq(first + UInt64(index))
      return MergeRule.Object(
        span: JournalSpan(generation: generation, first: seq, last: seq), bytes: bytes)
    }
  }

  private func sizes(_ objects: [MergeRule.Object]) -> [[UInt64]] {
    rule.runs(objects).map { $0.map(\.bytes) }
  }

  @Test func `few small ones wait, many or large ones are merged`() {
    #expect(sizes(objects([10, 10, 10])) == [])
    #expect(sizes(objects([10, 10, 10, 10])) == [[10, 10, 10, 10]])
    #expect(sizes(objects([260, 250])) == [])
    #expect(sizes(objects([260, 250, 600])) == [[260, 250]])
    #expect(sizes(objects([250, 260])) == [[250, 260]])
    #expect(sizes(objects([990])) == [])
  }

  @Test func `no more go together than one object may hold, and be made of`() {
    #expect(sizes(objects([400, 400, 400, 400])) == [[400, 400], [400, 400]])
    #expect(sizes(objects([UInt64](repeating: 1, count: 10))).map(\.count) == [8])
  }

  @Test func `what was merged last is merged again only where that doubles it`() {
    #expect(sizes(objects([100, 10, 10, 10, 10])) == [[10, 10, 10, 10]])
    #expect(sizes(objects([100, 40, 10, 10, 10])) == [])
    #expect(sizes(objects([40, 10, 10, 10, 10])) == [[40, 10, 10, 10, 10]])
  }

  @Test func `nothing is merged over a gap or the beginning of a generation`() {
    let second = Generation(2)
    // What is before it will not grow any more.
    #expect(
      sizes(objects([10, 20]) + objects([30, 40], from: 3, generation: second)) == [[10, 20]])
    #expect(sizes(objects([10, 20]) + objects([30, 40], from: 4)) == [[10, 20]])
    #expect(
      sizes(objects([10]) + objects([20, 30, 40, 50], from: 2, generation: second))
        == [[20, 30, 40, 50]])
  }

  @Test func `a byte is written anew a few times, and few objects are left`() {
    let rule = MergeRule(bytes: 1 << 20, fewest: 16, most: 256)
    let random = SeededRandomSource(seed: 5)
    var objects: [MergeRule.Object] = []
    var (stored, rewritten, next) = (UInt64(0), UInt64(0), UInt64(1))
    for _ in 0..<3_000 {
      for _ in 0..<(random.uint64() % 12) {
        let made = self.objects([100 + random.uint64() % 2_000], from: next)
        (stored, next) = (stored + made[0].bytes, next + 1)
        objects += made
      }
      for run in rule.runs(objects) {
        guard let first = run.first, let last = run.last,
          let place = objects.firstIndex(of: first)
        else { continue }
        let bytes = run.reduce(0) { $0 + $1.bytes }
        let span = JournalSpan(generation: .first, first: first.span.first, last: last.span.last)
        objects.replaceSubrange(
          place..<(place + run.count), with: [MergeRule.Object(span: span, bytes: bytes)])
        rewritten += bytes
      }
    }
    #expect(rewritten <= stored * 8)
    #expect(UInt64(objects.count) <= stored / (rule.bytes / 2) + 64)
    #expect(objects.reduce(0) { $0 + $1.bytes } == stored)
  }
}
