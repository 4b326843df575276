/* usb.c - see usb.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/usb.h"

#include <libusb.h>
#include <stdio.h>
#include <string.h>

/* The devices that libnfc's two USB drivers take: drivers/pn53x_usb and drivers/acr122_usb. */
static const struct {
    uint16_t vid, pid;
    const char *name;
} readers[] = {
    {0x04cc, 0x0531, "NXP PN531"},       {0x04cc, 0x2533, "NXP PN533"},
    {0x04e6, 0x5591, "SCM SCL3711"},     {0x04e6, 0x5594, "SCM SCL3712"},
    {0x054c, 0x0193, "Sony PN531"},      {0x054c, 0x02e1, "Sony RC-S360"},
    {0x1fd3, 0x0608, "ASK LoGO"},        {0x072f, 0x2200, "ACS ACR122U"},
    {0x072f, 0x2214, "ACS ACR1222"},     {0x072f, 0x90cc, "Touchatag (ACR122)"},
};

static const char *reader_name(const struct libusb_device_descriptor *d)
{
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (readers[i].vid == d->idVendor && readers[i].pid == d->idProduct)
            return readers[i].name;
    return NULL;
}

static int is_printer(libusb_device *device)
{
    struct libusb_config_descriptor *c;
    int found = 0;
    if (libusb_get_active_config_descriptor(device, &c) != 0)
        return 0;
    for (int i = 0; i < c->bNumInterfaces; i++)
        for (int a = 0; a < c->interface[i].num_altsetting; a++)
            found |= c->interface[i].altsetting[a].bInterfaceClass == LIBUSB_CLASS_PRINTER;
    libusb_free_config_descriptor(c);
    return found;
}

/* Its own words, printable ASCII; those who may not open the device get a general name. */
static void own_name(char out[USB_NAME_SIZE], libusb_device *device, uint8_t index)
{
    libusb_device_handle *h;
    snprintf(out, USB_NAME_SIZE, "receipt printer");
    if (!index || libusb_open(device, &h) != 0)
        return;
    unsigned char text[USB_NAME_SIZE];
    int size = libusb_get_string_descriptor_ascii(h, index, text, USB_NAME_SIZE);
    libusb_close(h);
    if (size <= 0)
        return;
    for (int i = 0; i < size && i < USB_NAME_SIZE - 1; i++)
        out[i] = text[i] >= ' ' && text[i] < 127 ? (char)text[i] : '?';
    out[size < USB_NAME_SIZE ? size : USB_NAME_SIZE - 1] = 0;
}

enum err usb_list(struct usb_found *out, int cap, int *count, struct errmsg *why)
{
    libusb_context *usb;
    libusb_device **list;
    *count = 0;
    int rc = libusb_init(&usb);
    if (rc != 0)
        return err_set(why, ERR_IO, "USB: %s", libusb_strerror(rc));
    ssize_t n = libusb_get_device_list(usb, &list);
    for (ssize_t i = 0; i < n && *count < cap; i++) {
        struct libusb_device_descriptor d;
        if (libusb_get_device_descriptor(list[i], &d) != 0)
            continue;
        const char *name = reader_name(&d);
        if (!name && !is_printer(list[i]))
            continue;
        struct usb_found *f = &out[(*count)++];
        *f = (struct usb_found){.role = name ? USB_READER : USB_PRINTER,
                                .vid = d.idVendor,
                                .pid = d.idProduct,
                                .bus = libusb_get_bus_number(list[i]),
                                .address = libusb_get_device_address(list[i])};
        if (name)
            snprintf(f->name, sizeof f->name, "%s", name);
        else
            own_name(f->name, list[i], d.iProduct);
    }
    if (n >= 0)
        libusb_free_device_list(list, 1);
    libusb_exit(usb);
    return n < 0 ? err_set(why, ERR_IO, "USB: %s", libusb_strerror((int)n)) : OK;
}
