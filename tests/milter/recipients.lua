-- SPDX-License-Identifier: MIT
-- Recipients in every form are taken.
dofile(dir .. "/common.lua")
conn = connect()

mail(conn, "FORMS", "<s@Example.TEST>")
rcpt(conn, "<u@relay.test>")
rcpt(conn, "<\"two words@hold.test\"@Relay.TEST>")
rcpt(conn, "<@a.test,@b.test:u@direct.test>")
rcpt(conn, "<u@b\xc3\xbccher.relay.test>")
rcpt(conn, "<\xe7\x94\xa8\xe6\x88\xb7@hold.test>")
rcpt(conn, "<u@[192.0.2.1]>")
rcpt(conn, "<u@[IPv6:2001:db8::1]>")
rcpt(conn, "<postmaster>")
rcpt(conn, "<>")
rcpt(conn, "<u@>")
rcpt(conn, "<u@" .. string.rep("x", 300) .. ">")
rcpt(conn, "<" .. string.rep("u", 900) .. "@direct.test>")
rcpt(conn, "u@direct.test")
rcpt(conn, "<u @ direct.test >")
finish(conn)

mail(conn, "NULL", "<>")
rcpt(conn, "<u@direct.test>")
finish(conn)

mail(conn, "LOCAL", "<root>")
rcpt(conn, "<root>")
finish(conn)

mail(conn, "MANY", "<s@example.test>")
for i = 1, 1000 do
	rcpt(conn, string.format("<u%d@d%d.direct.test>", i, i % 10))
end
finish(conn)
mt.disconnect(conn)
