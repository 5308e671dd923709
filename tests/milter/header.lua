-- SPDX-License-Identifier: MIT
-- X-MX-Route: ours is added, those that came in are taken away.
dofile(dir .. "/common.lua")
conn = connect()

if not mt.test_action(conn, SMFIF_ADDHDRS) or
	not mt.test_action(conn, SMFIF_CHGHDRS) then
	fail("it does not ask to change headers")
end

mail(conn, "FORGED", "<s@example.test>")
rcpt(conn, "<u@relay.test>")
header(conn, "Received", "from a.test")
header(conn, "X-MX-Route", "route=direct")
header(conn, "x-mx-route", "route=direct")
header(conn, "X-Mx-RoutE", "route=direct\n\tvia=nobody")
header(conn, "X-MX-Routes", "another one")
finish(conn)
if not mt.eom_check(conn, MT_HDRADD, "X-MX-Route",
	"route=relay via=r1 reason=rule:r") then
	fail("no header was added")
end
if not mt.eom_check(conn, MT_HDRDELETE, "X-MX-Route") then
	fail("the forged ones were not taken away")
end
if mt.eom_check(conn, MT_HDRDELETE, "X-MX-Routes") or
	mt.eom_check(conn, MT_BODYCHANGE) or
	mt.eom_check(conn, MT_QUARANTINE) then
	fail("another change was made")
end

mail(conn, "CLEAN", "<s@example.test>")
rcpt(conn, "<u@relay.test>")
rcpt(conn, "<v@relay.test>")
rcpt(conn, "<u@direct.test>")
header(conn, "Subject", "test")
finish(conn)
if not mt.eom_check(conn, MT_HDRADD, "X-MX-Route",
	"route=relay via=r1 reason=rule:r,\n" ..
	"\troute=direct via=- reason=rule:d") then
	fail("the header of two ways is wrong")
end
if mt.eom_check(conn, MT_HDRDELETE) then
	fail("something was taken away")
end
mt.disconnect(conn)
