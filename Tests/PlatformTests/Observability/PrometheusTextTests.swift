import Platform
import Testing

@Suite("Prometheus text") struct PrometheusTextTests {
  @Test func `a counter carries the process's labels and escapes them`() {
    let text = PrometheusText(labels: [("cell", "a\"b\\c")])
      .render([.counter("sheds_total", "Commands refused.", 3)])
    #expect(text.contains("# TYPE sheds_total counter\n"))
    #expect(text.contains("sheds_total{cell=\"a\\\"b\\\\c\"} 3\n"))
  }

  @Test func `histogram buckets are cumulative and end at the count`() {
    var histogram = Histogram()
    for microseconds: Int64 in [1, 2, 3, 1_000_000] { histogram.record(microseconds: microseconds) }
    let text = PrometheusText(labels: []).render([.seconds("fsync_seconds", "Syncs.", histogram)])
    #expect(text.contains("fsync_seconds_bucket{le=\"0.000001\"} 1\n"))
    #expect(text.contains("fsync_seconds_bucket{le=\"0.000004\"} 3\n"))
    #expect(text.contains("fsync_seconds_bucket{le=\"+Inf\"} 4\n"))
    #expect(text.contains("fsync_seconds_sum 1.000006\n"))
  }
}

@Suite("Histogram") struct HistogramTests {
  @Test func `a value lands in the bucket whose bound is the next power of two`() {
    for (value, bound): (Int64, UInt64) in [(0, 1), (1, 1), (2, 2), (3, 4), (1000, 1024)] {
      var histogram = Histogram()
      histogram.record(microseconds: value)
      #expect(histogram.quantile(perMille: 1000) == bound)
    }
  }

  @Test func `quantiles of nothing are zero and the largest value has a bucket`() {
    var histogram = Histogram()
    #expect(histogram.quantile(perMille: 990) == 0)
    histogram.record(microseconds: .max)
    #expect(histogram.count == 1)
  }
}
