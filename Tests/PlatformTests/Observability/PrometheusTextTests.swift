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
  @Test func `a value lands in the bucket whose bound is the next quarter of a power of two`() {
    let bounds: [(Int64, UInt64)] = [
      (0, 1), (1, 1), (2, 2), (3, 3), (5, 5), (8, 8), (9, 10), (10, 10), (511, 512), (512, 512),
      (513, 640), (1_000, 1_024), (1_024, 1_024), (1_025, 1_280),
    ]
    for (value, bound) in bounds {
      var histogram = Histogram()
      histogram.record(microseconds: value)
      #expect(histogram.quantile(perMille: 1000) == bound)
    }
  }

  @Test func `each bound is its bucket's last value, and the next one is the next bucket's first`()
  {
    for bucket in 0..<Histogram.bucketCount - 1 {
      let bound = Histogram.bound(of: bucket)
      #expect(Histogram.bound(of: bucket + 1) > bound)
      for (value, expected) in [(bound, bucket), (bound + 1, bucket + 1)] {
        var histogram = Histogram()
        histogram.record(microseconds: Int64(value))
        #expect(histogram.counts[expected] == 1)
      }
    }
  }

  @Test func `a duration counts in whole microseconds`() {
    var histogram = Histogram()
    histogram.record(.seconds(2) + .nanoseconds(1_999))
    #expect(histogram.sumMicroseconds == 2_000_001)
  }

  @Test func `quantiles of nothing are zero and the largest value has a bucket`() {
    var histogram = Histogram()
    #expect(histogram.quantile(perMille: 990) == 0)
    histogram.record(microseconds: .max)
    #expect(histogram.count == 1)
  }
}
