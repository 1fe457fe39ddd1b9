/// The calling codes of ITU-T E.164 and the ISO 3166 country behind each; the longest prefix wins.
///
/// Compared with the E.164 plans as the phonenumbers package 9.0.43 has them: every country code
/// and area code agrees. What differs on purpose: Svalbard, Åland, the Holy See, Christmas, Cocos
/// and other parts of a country whose numbers cannot be told apart count as that country, +672 1 is
/// Antarctica, and codes that ISO 3166 has no country for (Ascension, Tristan) are Saint Helena.
///
/// Countries that share a code are told apart by the digits after it: +1 by area code, +7 by
/// Kazakhstan's ranges, and the islands that share +44, +39, +47, +61, +212, +262, +358, +590,
/// +599 and +672.
enum CallingCodes {
  /// The country of a number's digits (no `+`), nil where there is none.
  static func country(of digits: [UInt8]) -> String? {
    var key = 0
    var found: String?
    for digit in digits.prefix(longestPrefix) {
      // The 1 in front keeps leading zeros apart.
      key = (key == 0 ? 1 : key) * 10 + Int(digit - 48)
      if let country = table[key] { found = country }
    }
    return found == none ? nil : found
  }

  /// Every country that has a calling code.
  static let countries = Set(table.values).subtracting([none])

  /// A code that is assigned, to no country.
  private static let none = "-"
  private static let longestPrefix = 7

  private static let table: [Int: String] = {
    var table: [Int: String] = [:]
    for line in lines {
      let words = line.split(separator: " ")
      for code in words.dropFirst() {
        let key = code.utf8.reduce(1) { $0 * 10 + Int($1 - 48) }
        table[key] = String(words[0])
      }
    }
    return table
  }()

  private static let lines: [Substring] = (northAmerica + world).split(separator: "\n")

  /// Zone 1: every area code that is not the United States' own.
  ///
  /// Theirs are what remains.
  private static let northAmerica = """
    US 1
    CA 1204 1226 1236 1249 1250 1257 1263 1273 1289 1306 1343 1354 1365 1367 1368 1382 1387 1403
    CA 1416 1418 1428 1431 1437 1438 1450 1460 1468 1474 1506 1514 1519 1537 1548 1568 1579 1581
    CA 1584 1587 1604 1613 1639 1647 1672 1683 1705 1709 1742 1753 1778 1780 1782 1807 1819 1825
    CA 1851 1867 1873 1879 1902 1905 1942 1600 1622 1633 1644 1655 1677 1688
    BS 1242
    BB 1246
    AI 1264
    AG 1268
    VG 1284
    VI 1340
    KY 1345
    BM 1441
    GD 1473
    TC 1649
    MS 1664
    MP 1670
    GU 1671
    AS 1684
    SX 1721
    LC 1758
    DM 1767
    VC 1784
    PR 1787 1939
    DO 1809 1829 1849
    TT 1868
    KN 1869
    JM 1658 1876

    """

  /// Zones 2 to 9.
  private static let world = """
    EG 20
    SS 211
    MA 212
    EH 2125288 2125289
    DZ 213
    TN 216
    LY 218
    GM 220
    SN 221
    MR 222
    ML 223
    GN 224
    CI 225
    BF 226
    NE 227
    TG 228
    BJ 229
    MU 230
    LR 231
    SL 232
    GH 233
    NG 234
    TD 235
    CF 236
    CM 237
    CV 238
    ST 239
    GQ 240
    GA 241
    CG 242
    CD 243
    AO 244
    GW 245
    IO 246
    SH 247 290
    SC 248
    SD 249
    RW 250
    ET 251
    SO 252
    DJ 253
    KE 254
    TZ 255
    UG 256
    BI 257
    MZ 258
    ZM 260
    MG 261
    RE 262
    YT 2622689 262269 262639 2627093 2629398 2629478 2629769
    ZW 263
    NA 264
    MW 265
    LS 266
    BW 267
    SZ 268
    KM 269
    ZA 27
    ER 291
    AW 297
    FO 298
    GL 299
    GR 30
    NL 31
    BE 32
    FR 33
    ES 34
    GI 350
    PT 351
    LU 352
    IE 353
    IS 354
    AL 355
    MT 356
    CY 357
    FI 358
    AX 35818
    BG 359
    HU 36
    LT 370
    LV 371
    EE 372
    MD 373
    AM 374
    BY 375
    AD 376
    MC 377
    SM 378
    VA 379 3906698
    UA 380
    RS 381
    ME 382
    XK 383
    HR 385
    SI 386
    BA 387
    MK 389
    IT 39
    RO 40
    CH 41
    CZ 420
    SK 421
    LI 423
    AT 43
    GB 44
    GG 441481 447781 447839 447911
    JE 441534 447509 447700 447797 447829 447937
    IM 441624 447524 447624 447924
    DK 45
    SE 46
    NO 47
    SJ 4779
    PL 48
    DE 49
    FK 500
    BZ 501
    GT 502
    SV 503
    HN 504
    NI 505
    CR 506
    PA 507
    PM 508
    HT 509
    PE 51
    MX 52
    CU 53
    AR 54
    BR 55
    CL 56
    CO 57
    VE 58
    GP 590
    BO 591
    GY 592
    EC 593
    GF 594
    PY 595
    MQ 596
    SR 597
    UY 598
    CW 599 5999
    BQ 5993 5994 5997
    MY 60
    AU 61
    CC 6189162
    CX 6189164
    ID 62
    PH 63
    NZ 64
    SG 65
    TH 66
    TL 670
    NF 672 6723
    AQ 6721
    BN 673
    NR 674
    PG 675
    TO 676
    SB 677
    VU 678
    FJ 679
    PW 680
    WF 681
    CK 682
    NU 683
    WS 685
    KI 686
    NC 687
    TV 688
    PF 689
    TK 690
    FM 691
    MH 692
    RU 7
    KZ 76 77
    - 800 808 870 878 881 882 883 888 979 991
    JP 81
    KR 82
    VN 84
    KP 850
    HK 852
    MO 853
    KH 855
    LA 856
    CN 86
    BD 880
    TW 886
    TR 90
    IN 91
    PK 92
    AF 93
    LK 94
    MM 95
    MV 960
    LB 961
    JO 962
    SY 963
    IQ 964
    KW 965
    SA 966
    YE 967
    OM 968
    PS 970
    AE 971
    IL 972
    BH 973
    QA 974
    BT 975
    MN 976
    NP 977
    IR 98
    TJ 992
    TM 993
    AZ 994
    GE 995
    KG 996
    UZ 998
    """
}
