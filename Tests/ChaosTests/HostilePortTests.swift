import Foundation
import Testing

@testable import Chaos

@Suite struct HostilePortTests {
  @Test(
    arguments: [
      (Array("HTTP/1.1".utf8), HostilePort.Speech.http),
      ([0, 0x53, 0x50, 0, 0, 0x31, 0, 0], .requests),
      ([0, 0x53, 0x50, 0, 0, 0x20, 0, 0], .publications),
    ] as [([UInt8], HostilePort.Speech)])
  func `a port is told by what it says first`(
    _ greeting: [UInt8], _ speech: HostilePort.Speech
  ) throws {
    let port = try #require(HostilePort(1, greeting: greeting))
    #expect(port.speech == speech)
  }

  @Test(arguments: [[], [0, 0x53, 0x50], Array("SSH-2.0-".utf8)] as [[UInt8]])
  func `of any other nobody claims to know`(_ greeting: [UInt8]) {
    #expect(HostilePort(1, greeting: greeting) == nil)
  }

  @Test func `every manner is shown at some port`() {
    let ports = [SPText.reply, SPText.publish].map {
      HostilePort(1, greeting: SPText.greeting($0))
    }
    let all = (ports + [HostilePort(1, greeting: Array("HTTP/1.1".utf8))])
      .flatMap { $0?.manners ?? [] }
    #expect(Set(all + HostilePeer.staying) == Set(HostilePeer.Manner.allCases))
  }

  @Test func `a process's use is what the kernel says`() {
    #expect(ProcessUse.peakKiB(in: "VmPeak:\t 9 kB\nVmHWM:\t  1234 kB\nVmRSS:\t 7 kB\n") == 1_234)
    let own = ProcessUse(ProcessInfo.processInfo.processIdentifier)
    #expect(own.peakKiB > 0)
    #expect(own.descriptors > 0)
  }
}
