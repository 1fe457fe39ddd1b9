/// Slices of time with a move under way and without one, in turns: whatever the machine does beside
/// meets both alike, and what differs is the moves'.
struct MoveSlices {
  private typealias Span = Range<Int64>

  private var with: [Span] = []
  private var without: [Span] = []
  /// Of each move: until its fence, its fence, and until somebody saw its end.
  private var phases: [[Span]] = [[], [], []]
  /// How long the last move took; a guess before the first.
  private(set) var lastMilliseconds = 300.0

  /// A slice with a move.
  mutating func moving<T>(_ body: () async throws -> T) async throws -> T {
    let began = MoveLoad.now()
    let result = try await body()
    let span = began..<max(began + 1, MoveLoad.now())
    with.append(span)
    lastMilliseconds = Double(span.count) / 1_000
    return result
  }

  /// When the fence of the last slice's move began and ended.
  mutating func fenced(_ fence: Range<Int64>) {
    guard let slice = with.last, slice.lowerBound <= fence.lowerBound,
      fence.upperBound <= slice.upperBound
    else { return }
    phases[0].append(slice.lowerBound..<fence.lowerBound)
    phases[1].append(fence)
    phases[2].append(fence.upperBound..<slice.upperBound)
  }

  /// A slice without one.
  mutating func still(_ body: () async throws -> Void) async throws {
    let began = MoveLoad.now()
    try await body()
    without.append(began..<max(began + 1, MoveLoad.now()))
  }

  /// The p99 of the requests that began while a tenant moved, against those that began while none
  /// did.
  func row(_ name: String, _ requests: [MoveLoad.Request]) -> Row {
    let (moving, still) = (
      Self.milliseconds(requests, in: with), Self.milliseconds(requests, in: without)
    )
    let (value, baseline) = (percentile(moving, 0.99), percentile(still, 0.99))
    return Row(
      name: name, value: value, unit: "ms", baseline: baseline,
      facts: [
        "requests_with_moves": moving.count, "requests_without": still.count,
        "p50_with_moves_ms": percentile(moving, 0.5), "p50_without_ms": percentile(still, 0.5),
        "p50_before_in_after_fence_ms": phases.map {
          percentile(Self.milliseconds(requests, in: $0), 0.5)
        },
        "p99_before_in_after_fence_ms": phases.map {
          percentile(Self.milliseconds(requests, in: $0), 0.99)
        },
        "rise_percent": baseline == 0 ? 0 : (value / baseline - 1) * 100, "slices": with.count,
        "against": "the bar of +10 %",
      ])
  }

  /// How long those took that began in one of the spans, sorted.
  private static func milliseconds(_ requests: [MoveLoad.Request], in spans: [Span]) -> [Double] {
    var times: [Double] = []
    var place = 0
    for request in requests.sorted(by: { $0.began < $1.began }) {
      while place < spans.count, spans[place].upperBound <= request.began { place += 1 }
      guard place < spans.count else { break }
      if spans[place].contains(request.began) {
        times.append(Double(request.ended - request.began) / 1_000)
      }
    }
    return times.sorted()
  }
}
