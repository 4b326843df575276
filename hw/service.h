/* service.h - what a service manager is told, by systemd's notify protocol: datagrams to the socket in the
 * environment.  Started by hand there is none, and nothing is said.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PATRON_HW_SERVICE_H
#define PATRON_HW_SERVICE_H

/* It works from now on. */
void service_ready(void);

/* It is still at work: to be called from the loop, at least every service_alive_ms(), which is INT32_MAX when
 * nobody watches.  A program that does not call in time is ended and started again (WatchdogSec of the unit). */
void service_alive(void);
int service_alive_ms(void);

#endif
